import Configuration
import GraphStore

/// Importance neighbourhoods by random walks, fast: the `walks.top` most visited pins of each pin.
///
/// A neighbourhood is a pure function of (graph, seed, window, pin): who samples it, when, and together with which
/// others changes no bit. `RandomWalk` is the definition. Not for sharing between threads: one sampler for each.
@safe public final class NeighborhoodSampler {
    /// The window of the neighbourhoods from which final embeddings are made; training never reaches it.
    public static let embeddingWindow = UInt64.max

    public let graph: BipartiteGraph
    public let walks: WalkSettings
    public let seed: UInt64
    /// Steps pin → board → pin walked so far.
    public private(set) var walkStepCount: UInt64 = 0

    private let walker: LockStepWalker
    private let counter: VisitCounter
    /// Walks of one pin that are under way together, and pins under way together.
    private let walksPerBlock: Int
    private let pinsPerBlock: Int

    /// - Precondition: the settings are in the ranges that `WalkSettings` states.
    public init(graph: BipartiteGraph, walks: WalkSettings, seed: UInt64) {
        precondition(
            walks.count > 0 && walks.steps > 0 && walks.top >= 0, "NeighborhoodSampler: bad settings: \(walks)")
        self.graph = graph
        self.walks = walks
        self.seed = seed
        walksPerBlock = min(walks.count, LockStepWalker.laneCountMax)
        pinsPerBlock = LockStepWalker.laneCountMax / walksPerBlock
        walker = LockStepWalker(
            graph: graph, laneCount: walksPerBlock * pinsPerBlock, steps: walks.steps, restart: walks.restart)
        counter = VisitCounter(
            visitsMax: walks.count * walks.steps, distinctMax: graph.pinCount, top: walks.top)
    }

    /// Appends the neighbourhood of each pin to the table, in order; that of a pin without a visible board is empty, and
    /// with `walks.top: 0` all are, unwalked.
    ///
    /// - Parameters:
    ///   - pins: each below the graph's pin count; may repeat.
    ///   - hidden: boards that are not there for these walks.
    /// - Complexity: O(pins · walks · steps); allocates only while the table grows.
    public func sample(
        pins: UnsafeBufferPointer<UInt32>, window: UInt64, hiding hidden: HiddenBoards = .none,
        into table: NeighborhoodTable
    ) {
        let perPin = min(walks.top, walks.count * walks.steps, max(graph.pinCount, 1))
        table.reserve(lists: pins.count, entries: pins.count * perPin)
        if walks.top == 0 {
            for _ in 0..<pins.count { table.appendList(count: 0) }
            return
        }
        for start in stride(from: 0, to: pins.count, by: pinsPerBlock) {
            let end = min(start + pinsPerBlock, pins.count)
            for i in end..<min(end + pinsPerBlock, pins.count) { unsafe walker.prefetch(pins[i]) }
            unsafe sampleBlock(UnsafeBufferPointer(rebasing: pins[start..<end]), window, hidden, table)
        }
    }

    /// Appends the neighbourhoods of the pins in a range.
    public func sample(
        range: Range<Int>, window: UInt64, hiding hidden: HiddenBoards = .none, into table: NeighborhoodTable
    ) {
        let pins = range.map { UInt32($0) }
        unsafe pins.withUnsafeBufferPointer { unsafe sample(pins: $0, window: window, hiding: hidden, into: table) }
    }

    /// Walks as `sample` does and counts nothing: for timing, and for who looks at single visits.
    ///
    /// - Parameter body: gets the visits of a block of walks, (steps × walks), by key: a pin, or the place of its row in
    ///   the graph's walk layout.
    /// - Precondition: `walks.count` is at most `LockStepWalker.laneCountMax`.
    package func walk(
        pins: UnsafeBufferPointer<UInt32>, window: UInt64, hiding hidden: HiddenBoards = .none,
        _ body: (_ visits: UnsafePointer<UInt32>, _ walkCount: Int) -> Void = { _, _ in }
    ) {
        precondition(walksPerBlock == walks.count, "NeighborhoodSampler: \(walks.count) walks are more than lanes")
        for start in stride(from: 0, to: pins.count, by: pinsPerBlock) {
            let end = min(start + pinsPerBlock, pins.count)
            for i in end..<min(end + pinsPerBlock, pins.count) { unsafe walker.prefetch(pins[i]) }
            let block = unsafe UnsafeBufferPointer(rebasing: pins[start..<end])
            let laneCount = unsafe setLanes(block, window, hidden, 0..<walksPerBlock)
            unsafe body(walker.walk(count: laneCount, hiding: hidden), laneCount)
            walkStepCount += UInt64(laneCount * walks.steps)
        }
    }

    private func sampleBlock(
        _ pins: UnsafeBufferPointer<UInt32>, _ window: UInt64, _ hidden: HiddenBoards, _ table: NeighborhoodTable
    ) {
        for firstWalk in stride(from: 0, to: walks.count, by: walksPerBlock) {
            let walkCount = min(walksPerBlock, walks.count - firstWalk)
            let laneCount = unsafe setLanes(pins, window, hidden, firstWalk..<(firstWalk + walkCount))
            let visits = unsafe walker.walk(count: laneCount, hiding: hidden)
            walkStepCount += UInt64(laneCount * walks.steps)
            if firstWalk + walkCount < walks.count {
                // More walks than lanes: the block is this one pin, and its visits add up.
                unsafe counter.add(visits, rows: walks.steps, columns: laneCount, stride: laneCount)
            } else {
                unsafe takeTops(pins, hidden, visits, walkCount: walkCount, laneCount: laneCount, table)
            }
        }
    }

    /// Appends the list of each pin of a block whose last walks have ended.
    private func takeTops(
        _ pins: UnsafeBufferPointer<UInt32>, _ hidden: HiddenBoards, _ visits: UnsafePointer<UInt32>, walkCount: Int,
        laneCount: Int, _ table: NeighborhoodTable
    ) {
        let (keys, before) = unsafe (table.nextPins, table.entryCount)
        var lane = 0
        for i in 0..<pins.count {
            let key = unsafe walker.key(of: pins[i])
            guard unsafe walker.hasBoard(pins[i], key: key, hiding: hidden) else {
                table.appendList(count: 0)
                continue
            }
            unsafe counter.add(visits + lane, rows: walks.steps, columns: walkCount, stride: laneCount)
            lane += walkCount
            let count = unsafe counter.takeTop(
                except: key, keys: table.nextPins, visits: table.nextVisits)
            unsafe walker.prefetch(keys: table.nextPins, count: count)
            table.appendList(count: count)
        }
        unsafe walker.resolve(keys: keys, count: table.entryCount - before)
    }

    /// Gives each walk of each pin that has a visible board a lane; returns how many.
    private func setLanes(
        _ pins: UnsafeBufferPointer<UInt32>, _ window: UInt64, _ hidden: HiddenBoards, _ walkRange: Range<Int>
    ) -> Int {
        for i in 0..<pins.count {
            let pin = unsafe pins[i]
            precondition(Int(pin) < graph.pinCount, "NeighborhoodSampler: pin \(pin) of \(graph.pinCount)")
            walker.prefetchRow(key: walker.key(of: pin))
        }
        var lane = 0
        for i in 0..<pins.count {
            let pin = unsafe pins[i]
            let key = walker.key(of: pin)
            guard walker.hasBoard(pin, key: key, hiding: hidden) else { continue }
            let base = WalkRandomness.base(seed: seed, window: window, pin: pin)
            for walk in walkRange {
                walker.set(lane, key: key, base: base, walk: walk)
                lane += 1
            }
        }
        return lane
    }
}
