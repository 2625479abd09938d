import CPlatform
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
            for i in end..<min(end + pinsPerBlock, pins.count) {
                unsafe platform_prefetch(graph.pinOffsets + Int(pins[i]))
            }
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
                continue
            }
            var lane = 0
            for i in 0..<pins.count {
                guard unsafe graph.hasBoard(pins[i], hiding: hidden) else {
                    table.appendList(count: 0)
                    continue
                }
                unsafe counter.add(visits + lane, rows: walks.steps, columns: walkCount, stride: laneCount)
                lane += walkCount
                table.appendList(
                    count: unsafe counter.takeTop(except: pins[i], pins: table.nextPins, visits: table.nextVisits))
            }
        }
    }

    /// Gives each walk of each pin that has a visible board a lane; returns how many.
    private func setLanes(
        _ pins: UnsafeBufferPointer<UInt32>, _ window: UInt64, _ hidden: HiddenBoards, _ walkRange: Range<Int>
    ) -> Int {
        var lane = 0
        for i in 0..<pins.count {
            let pin = unsafe pins[i]
            precondition(Int(pin) < graph.pinCount, "NeighborhoodSampler: pin \(pin) of \(graph.pinCount)")
            guard graph.hasBoard(pin, hiding: hidden) else { continue }
            let base = WalkRandomness.base(seed: seed, window: window, pin: pin)
            for walk in walkRange {
                walker.set(lane, pin: pin, base: base, walk: walk)
                lane += 1
            }
        }
        return lane
    }
}
