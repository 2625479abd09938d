import Artifacts
import Basics
import CPlatform
import Configuration
import GraphStore
import Minibatches

/// Makes minibatches: pairs, shared and hard negatives, two layers of neighbourhoods, re-indexed so that each distinct
/// pin appears once.
///
/// Rows are numbered by first appearance: queries, positives, shared negatives, hard negatives; then the neighbours of
/// these, list by list; then the neighbours of those. Batch i is a pure function of (graph, settings, i, table of its
/// epoch): any assembler makes the same bytes, in any order. Arrays are written where the message has them, in memory
/// that is used again once the batch and its message are gone: after a few batches nothing is allocated but for hard
/// negatives of long walks. Not for sharing between threads.
@safe public final class MinibatchAssembler {
    public let recipe: UInt64
    private let graph: BipartiteGraph
    private let walks: WalkSettings
    private let batch: BatchSettings
    private let settings: PipelineSettings
    private let hiding: BoardHiding
    private let sendsFeatures: Bool
    private let wire: WirePrecision
    private let pairs: PairSampler
    private let negatives: NegativeSampler
    private let neighborhoods: ReusedNeighborhoods
    private let hardNegatives: HardNegativeDraw
    /// Where candidates come from without a table.
    private let walkBands: WalkBands?

    // Used again by each batch.
    private let rows = PinRows()
    private let table = NeighborhoodTable()
    private let drawn = ScratchBuffer<UInt32>()
    private let features = FeatureRows()
    private let topLayer = TopLayer()
    /// Rows of the batch before.
    private var before = (hidden: 0, pins: 0)
    private var pool: MinibatchPool

    /// - Parameter recipe: what the batches say they were made from: `settings.recipe(graphFingerprint:)`.
    /// - Throws: `SamplingError` when the graph has no pairs, or no features where they shall travel, or when a batch
    ///   could be too large; `ConfigError` when the window of the hard negatives' ranks does not fit.
    public init(graph: BipartiteGraph, settings: PipelineSettings, recipe: UInt64) throws {
        self.graph = graph
        self.settings = settings
        self.recipe = recipe
        walks = settings.walks
        batch = settings.batch
        hiding = BoardHiding(settings)
        sendsFeatures = settings.trainer.features == .inline
        if sendsFeatures && graph.features == nil { throw SamplingError.noFeatures(graph: graph.directory) }
        let targetsMax = batch.pairs * (2 + batch.hardNegativesMax) + batch.sharedNegatives
        let entriesMax = min(graph.pinCount, targetsMax * (walks.top + 1)) * walks.top
        guard entriesMax <= Int(Int32.max) else { throw SamplingError.batchTooLarge(entriesMax: entriesMax) }
        pairs = try PairSampler(
            graph: graph, boards: batch.boards, seed: settings.seed,
            validation: HiddenBoards.validation(settings).validation)
        negatives = NegativeSampler(pinCount: graph.pinCount, seed: settings.seed)
        neighborhoods = ReusedNeighborhoods(graph: graph, settings: settings)
        wire = settings.trainer.wire == .float16 ? .float16 : .float32
        pool = MinibatchPool(withFeatures: sendsFeatures)
        hardNegatives = HardNegativeDraw(graph: graph, settings: settings)
        let ranks = settings.usesHardNegatives ? try settings.hardNegatives.ranks.ranks(pinCount: graph.pinCount) : nil
        walkBands =
            settings.hardNegatives.source == .pagerank
            ? ranks.map { WalkBands(graph: graph, settings: settings, ranks: $0) } : nil
    }

    /// Steps pin → board → pin walked so far.
    public var walkStepCount: UInt64 { neighborhoods.walkStepCount + (walkBands?.walkStepCount ?? 0) }
    /// Neighbourhoods that batches asked for so far, and how many of them had been walked before in their window.
    public var reuse: NeighborhoodReuse { neighborhoods.reuse }
    /// Gives memory of batches made before back to the kernel, where they and their messages are gone; the next batch is
    /// made there.
    ///
    /// - Parameter whole: all of it, for a while without work: to get it again takes a hundredth of a batch's time. Else what
    ///   is written last.
    /// - Returns: how many are not gone.
    public func giveBack(whole: Bool) -> Int { pool.giveBack(whole: whole) }

    /// Batch `batchIndex`, with feature rows where `trainer.features` is `inline`.
    ///
    /// - Parameter hardTable: the table of the batch's epoch, where that needs one.
    /// - Precondition: it is there, and of that epoch.
    public func assemble(batchIndex: UInt64, hardTable: HardNegativeTable? = nil) -> Minibatch {
        let epoch = settings.epoch(ofBatch: batchIndex)
        let table = settings.needsHardNegativeTable(inEpoch: epoch) ? hardTable : nil
        precondition(
            table?.name.epoch == epoch || !settings.needsHardNegativeTable(inEpoch: epoch),
            "MinibatchAssembler: batch \(batchIndex) of epoch \(epoch) needs a table, has \(String(describing: table?.name))"
        )
        return assemble(batchIndex, hardPerPair: settings.hardNegatives(inEpoch: epoch), table)
    }

    private func assemble(_ batchIndex: UInt64, hardPerPair: Int, _ hardTable: HardNegativeTable?) -> Minibatch {
        let memory = pool.take()
        let window = settings.window(ofBatch: batchIndex)
        rows.removeAll(writingTo: memory.frame(of: .pins))
        table.removeAll(writingTo: memory)
        let hidden = hiding.hidden(inWindow: window)
        let drawn = drawTargets(batchIndex, hidden, hardPerPair: hardPerPair, hardTable, memory)
        let targetCount = rows.count
        addNeighborhoods(of: 0..<targetCount, expected: before.hidden, window, hidden)
        let hiddenCount = rows.count
        addNeighborhoods(of: targetCount..<hiddenCount, expected: before.pins, window, hidden)
        let top = topLayer.lists(
            count: targetCount, of: table, pooling: walks.pooling,
            excludingPartners: batch.excludePairEdges ? (drawn.queries, drawn.positives) : nil, in: memory)
        let first = table.finish(pooling: walks.pooling)
        let pins = rows.finish()
        before = (hiddenCount, pins.count)
        let boardCounts = boardCounts(of: pins, hidden, memory)
        var made = Minibatch(
            batchIndex: batchIndex, recipe: recipe, targetCount: targetCount, hiddenCount: hiddenCount, pins: pins,
            boardCounts: boardCounts, neighborhoods: [], queries: drawn.queries, positives: drawn.positives,
            sharedNegatives: drawn.shared, hardNegatives: drawn.hard,
            features: sendsFeatures ? features.gather(pins, from: graph.features, as: wire, in: memory) : nil,
            table: hardTable?.name.fingerprintValue ?? 0, coSavedCount: drawn.coSavedCount)
        memory.complete(&made, first, top)
        return made
    }

    private struct Drawn {
        var queries: FrameArray<Int32>
        var positives: FrameArray<Int32>
        var shared: FrameArray<Int32>
        var hard: FrameArray<Int32>
        var coSavedCount: Int
    }

    /// Draws the pairs and negatives and gives their pins the first rows.
    private func drawTargets(
        _ batchIndex: UInt64, _ hidden: HiddenBoards, hardPerPair: Int, _ hardTable: HardNegativeTable?,
        _ memory: MinibatchMemory
    ) -> Drawn {
        let (pairCount, negativeCount) = (batch.pairs, batch.sharedNegatives)
        let firstHard = 2 * pairCount + negativeCount
        let targetsMax = firstHard + pairCount * hardPerPair
        drawn.reserve(targetsMax)
        rows.reserve(targetsMax)
        let pins = unsafe drawn.base
        for i in 0..<pairCount {
            unsafe (pins[i], pins[pairCount + i]) = pairs.pair(i, batchIndex: batchIndex, hiding: hidden)
        }
        for i in 0..<negativeCount {
            unsafe pins[2 * pairCount + i] = negatives.negative(i, batchIndex: batchIndex)
        }
        let coSavedCount =
            hardPerPair == 0
            ? 0 : unsafe drawHard(batchIndex, perPair: hardPerPair, hardTable, queries: pins, into: pins + firstHard)
        func insert(_ array: MinibatchArray, from start: Int, _ count: Int) -> FrameArray<Int32> {
            let array: FrameArray<Int32> = memory.array(array, count: count)
            if let base = unsafe array.elements.baseAddress {
                unsafe rows.insert(pins + start, count: count, rows: base)
            }
            return array
        }
        let queries = insert(.queries, from: 0, pairCount)
        let positives = insert(.positives, from: pairCount, pairCount)
        let shared = insert(.sharedNegatives, from: 2 * pairCount, negativeCount)
        return Drawn(
            queries: queries, positives: positives, shared: shared,
            hard: insert(.hardNegatives, from: firstHard, pairCount * hardPerPair),
            coSavedCount: coSavedCount)
    }

    /// Writes each pair's hard negatives.
    ///
    /// - Parameter queries: pin of each pair's query.
    /// - Returns: how many share a board with their query.
    private func drawHard(
        _ batchIndex: UInt64, perPair: Int, _ hardTable: HardNegativeTable?, queries: UnsafePointer<UInt32>,
        into pins: UnsafeMutablePointer<UInt32>
    ) -> Int {
        var coSavedCount = 0
        for pair in 0..<batch.pairs {
            let query = unsafe queries[pair]
            let drawn = unsafe pins + pair * perPair
            unsafe withCandidates(of: query, hardTable) { candidates in
                unsafe hardNegatives.draw(
                    perPair, from: candidates, query: query, pair: pair, batchIndex: batchIndex, into: drawn)
            }
            for index in 0..<perPair {
                let pin = unsafe drawn[index]
                if pin != query && hardNegatives.areCoSaved(query, pin) { coSavedCount += 1 }
            }
        }
        return coSavedCount
    }

    private func withCandidates(
        of query: UInt32, _ hardTable: HardNegativeTable?, _ body: (UnsafeBufferPointer<UInt32>) -> Void
    ) {
        if let hardTable { return unsafe body(hardTable.candidateRow(of: query)) }
        let candidates = walkBands?.candidates(of: query) ?? []
        unsafe candidates.withUnsafeBufferPointer { unsafe body($0) }
    }

    /// Entries that get their rows together.
    private static let pieceEntries = 1 << 14

    /// Samples the neighbourhoods of the pins of some rows, once each, and gives their pins rows, which are written in
    /// the pins' place.
    ///
    /// - Parameter expected: rows that there will be, about.
    private func addNeighborhoods(
        of rowRange: Range<Int>, expected: Int, _ window: UInt64, _ hidden: HiddenBoards
    ) {
        let first = table.entryCount
        let pins = unsafe UnsafeBufferPointer(start: rows.pins + rowRange.lowerBound, count: rowRange.count)
        unsafe neighborhoods.sample(pins: pins, window: window, hiding: hidden, into: table)
        // What the batch before needed and a little more, then piece by piece, so that the room follows the different pins
        // rather than all that might be.
        rows.reserve(max(expected + expected / 16 + Self.pieceEntries - rows.count, 0))
        for start in stride(from: first, to: table.entryCount, by: Self.pieceEntries) {
            let count = min(Self.pieceEntries, table.entryCount - start)
            rows.reserve(count)
            unsafe rows.number(table.pins(from: start), count: count)
        }
    }

    /// Pins whose rows of the graph are asked for ahead.
    private static let prefetchDistance = 16

    /// On how many boards, of those that walks see, each row's pin is.
    private func boardCounts(
        of pins: FrameArray<UInt32>, _ hidden: HiddenBoards, _ memory: MinibatchMemory
    ) -> FrameArray<UInt32> {
        let counts: FrameArray<UInt32> = memory.array(.boardCounts, count: pins.count)
        guard let pinBase = unsafe pins.elements.baseAddress, let base = unsafe counts.elements.baseAddress else {
            return counts
        }
        let offsets = unsafe graph.pinOffsets
        for row in 0..<pins.count {
            let ahead = unsafe pinBase[min(row &+ Self.prefetchDistance, pins.count &- 1)]
            unsafe platform_prefetch(offsets + Int(ahead))
            let pin = unsafe Int(pinBase[row])
            unsafe base[row] =
                hidden.isEmpty
                ? UInt32(truncatingIfNeeded: offsets[pin &+ 1] &- offsets[pin])
                : UInt32(graph.boardCount(of: pinBase[row], hiding: hidden))
        }
        return counts
    }
}

/// Gathers the feature rows that travel in a batch.
private struct FeatureRows {
    /// Rows that are rounded together, so that they pass through the cache once.
    private static let blockRows = 64
    private let block = ScratchBuffer<Float>()

    func gather(
        _ pins: FrameArray<UInt32>, from table: VectorTable?, as wire: WirePrecision, in memory: MinibatchMemory
    ) -> InlineFeatures? {
        guard let table else { return nil }
        let width = table.width
        let features = memory.features(width: width, precision: wire, rows: pins.count)
        guard let base = unsafe features.frame.bytes.baseAddress else { return features }
        switch wire {
        case .float32:
            unsafe table.copyRows(
                UnsafeBufferPointer(pins.elements), into: base.assumingMemoryBound(to: Float.self), rowStride: width)
        case .float16:
            block.reserve(Self.blockRows * width)
            for start in stride(from: 0, to: pins.count, by: Self.blockRows) {
                let end = min(start + Self.blockRows, pins.count)
                unsafe table.copyRows(
                    UnsafeBufferPointer(rebasing: pins.elements[start..<end]), into: block.base, rowStride: width)
                unsafe Half.round(
                    UnsafePointer(block.base), into: base + start * width * wire.byteCount,
                    count: (end - start) * width)
            }
        }
        return features
    }
}
