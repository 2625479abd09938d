import Basics
import Configuration
import GraphStore
import Minibatches

/// Makes minibatches: pairs, shared and hard negatives, two layers of neighbourhoods, re-indexed so that each distinct
/// pin appears once.
///
/// Rows are numbered by first appearance: queries, positives, shared negatives, hard negatives; then the neighbours of
/// these, list by list; then the neighbours of those. Batch i is a pure function of (graph, settings, i, table of its
/// epoch): any assembler makes the same bytes, in any order. Not for sharing between threads.
@safe public final class MinibatchAssembler {
    public let recipe: UInt64
    private let graph: BipartiteGraph
    private let walks: WalkSettings
    private let batch: BatchSettings
    private let settings: PipelineSettings
    private let hiding: BoardHiding
    private let sendsFeatures: Bool
    private let pairs: PairSampler
    private let negatives: NegativeSampler
    private let sampler: NeighborhoodSampler
    private let hardNegatives: HardNegativeDraw
    /// Where candidates come from without a table.
    private let walkBands: WalkBands?

    // Used again by each batch.
    private let rows = PinRows()
    private let table = NeighborhoodTable()
    private let drawn = ScratchBuffer<UInt32>()
    private let entryRows = ScratchBuffer<Int32>()
    private let topLayer = TopLayer()

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
        sampler = NeighborhoodSampler(graph: graph, walks: walks, seed: settings.seed)
        hardNegatives = HardNegativeDraw(graph: graph, settings: settings)
        let ranks = settings.usesHardNegatives ? try settings.hardNegatives.ranks.ranks(pinCount: graph.pinCount) : nil
        walkBands =
            settings.hardNegatives.source == .pagerank
            ? ranks.map { WalkBands(graph: graph, settings: settings, ranks: $0) } : nil
    }

    /// Steps pin → board → pin walked so far.
    public var walkStepCount: UInt64 { sampler.walkStepCount + (walkBands?.walkStepCount ?? 0) }

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
        let window = settings.window(ofBatch: batchIndex)
        rows.removeAll()
        table.removeAll()
        let hidden = hiding.hidden(inWindow: window)
        let drawn = drawTargets(batchIndex, hidden, hardPerPair: hardPerPair, hardTable)
        let targetCount = rows.count
        addNeighborhoods(of: 0..<targetCount, window, hidden)
        let hiddenCount = rows.count
        addNeighborhoods(of: targetCount..<hiddenCount, window, hidden)
        return unsafe Minibatch(
            batchIndex: batchIndex, recipe: recipe, targetCount: targetCount, hiddenCount: hiddenCount,
            pins: unsafe FrameArray(UnsafeBufferPointer(start: rows.pins, count: rows.count)),
            boardCounts: boardCounts(hidden),
            neighborhoods: [
                firstLayer(),
                topLayer.lists(
                    count: targetCount, of: table, entryRows: unsafe entryRows.base, pooling: walks.pooling,
                    excludingPartners: batch.excludePairEdges ? (drawn.queries, drawn.positives) : nil),
            ],
            queries: drawn.queries, positives: drawn.positives, sharedNegatives: drawn.shared,
            hardNegatives: drawn.hard, features: sendsFeatures ? gatherFeatures() : nil,
            table: hardTable?.name.fingerprintValue ?? 0, coSavedCount: drawn.coSavedCount)
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
        _ batchIndex: UInt64, _ hidden: HiddenBoards, hardPerPair: Int, _ hardTable: HardNegativeTable?
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
        func insert(from start: Int, _ count: Int) -> FrameArray<Int32> {
            let array = FrameArray<Int32>(count: count)
            if let base = unsafe array.elements.baseAddress {
                unsafe rows.insert(pins + start, count: count, rows: base)
            }
            return array
        }
        let queries = insert(from: 0, pairCount)
        let positives = insert(from: pairCount, pairCount)
        let shared = insert(from: 2 * pairCount, negativeCount)
        return Drawn(
            queries: queries, positives: positives, shared: shared,
            hard: insert(from: firstHard, pairCount * hardPerPair),
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
            let candidates = hardTable?.candidates(of: query) ?? walkBands?.candidates(of: query) ?? []
            let drawn = hardNegatives.negatives(
                perPair, from: candidates, query: query, pair: pair, batchIndex: batchIndex)
            for (index, pin) in drawn.enumerated() {
                unsafe pins[pair * perPair + index] = pin
                if pin != query && hardNegatives.areCoSaved(query, pin) { coSavedCount += 1 }
            }
        }
        return coSavedCount
    }

    /// Walks the pins of some rows, once each, and gives their neighbours rows.
    private func addNeighborhoods(of rowRange: Range<Int>, _ window: UInt64, _ hidden: HiddenBoards) {
        let first = table.entryCount
        let pins = unsafe UnsafeBufferPointer(start: rows.pins + rowRange.lowerBound, count: rowRange.count)
        unsafe sampler.sample(pins: pins, window: window, hiding: hidden, into: table)
        let added = table.entryCount - first
        rows.reserve(added)
        entryRows.reserve(table.entryCount, keeping: first)
        unsafe rows.insert(table.pins + first, count: added, rows: entryRows.base + first)
    }

    /// The lists of all hidden rows, whole.
    private func firstLayer() -> NeighborhoodRows {
        let lists = NeighborhoodRows(
            offsets: unsafe FrameArray(UnsafeBufferPointer(start: table.offsets, count: table.count + 1)),
            neighbors: unsafe FrameArray(UnsafeBufferPointer(start: entryRows.base, count: table.entryCount)),
            weights: FrameArray(count: table.entryCount))
        if let weights = unsafe lists.weights.elements.baseAddress {
            unsafe table.writeWeights(pooling: walks.pooling, to: weights)
        }
        return lists
    }

    /// On how many boards, of those that walks see, each row's pin is.
    private func boardCounts(_ hidden: HiddenBoards) -> FrameArray<UInt32> {
        let counts = FrameArray<UInt32>(count: rows.count)
        for row in 0..<rows.count {
            unsafe counts.elements[row] = UInt32(graph.boardCount(of: rows.pins[row], hiding: hidden))
        }
        return counts
    }

    private func gatherFeatures() -> InlineFeatures? {
        guard let features = graph.features else { return nil }
        let values = FrameArray<Float>(count: rows.count * features.width)
        if let base = unsafe values.elements.baseAddress {
            let pins = unsafe UnsafeBufferPointer(start: rows.pins, count: rows.count)
            unsafe features.copyRows(pins, into: base, rowStride: features.width)
        }
        return InlineFeatures(width: features.width, values: values)
    }
}
