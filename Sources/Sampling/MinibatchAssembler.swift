import Basics
import Configuration
import GraphStore
import Minibatches

/// Makes minibatches: pairs, shared negatives, two layers of neighbourhoods, re-indexed so that each distinct pin
/// appears once.
///
/// Rows are numbered by first appearance: queries, positives, negatives; then the neighbours of these, list by list;
/// then the neighbours of those. Batch i is a pure function of (graph, settings, i): any assembler makes the same
/// bytes, in any order. Not for sharing between threads.
@safe public final class MinibatchAssembler {
    public let recipe: UInt64
    private let graph: BipartiteGraph
    private let walks: WalkSettings
    private let batch: BatchSettings
    private let sendsFeatures: Bool
    private let pairs: PairSampler
    private let negatives: NegativeSampler
    private let sampler: NeighborhoodSampler

    // Used again by each batch.
    private let rows = PinRows()
    private let table = NeighborhoodTable()
    private let drawn = ScratchBuffer<UInt32>()
    private let entryRows = ScratchBuffer<Int32>()
    private let topLayer = TopLayer()

    /// - Parameter recipe: what the batches say they were made from: `settings.recipe(graphFingerprint:)`.
    /// - Throws: `SamplingError` when the graph has no pairs, or no features where they shall travel, or when a batch
    ///   could be too large.
    public init(graph: BipartiteGraph, settings: PipelineSettings, recipe: UInt64) throws(SamplingError) {
        self.graph = graph
        self.recipe = recipe
        walks = settings.walks
        batch = settings.batch
        sendsFeatures = settings.trainer.features == .inline
        if sendsFeatures && graph.features == nil { throw .noFeatures(graph: graph.directory) }
        let targetsMax = 2 * batch.pairs + batch.sharedNegatives
        let entriesMax = min(graph.pinCount, targetsMax * (walks.top + 1)) * walks.top
        guard entriesMax <= Int(Int32.max) else { throw .batchTooLarge(entriesMax: entriesMax) }
        pairs = try PairSampler(graph: graph, boards: batch.boards, seed: settings.seed)
        negatives = NegativeSampler(pinCount: graph.pinCount, seed: settings.seed)
        sampler = NeighborhoodSampler(graph: graph, walks: walks, seed: settings.seed)
    }

    /// Steps pin → board → pin walked so far.
    public var walkStepCount: UInt64 { sampler.walkStepCount }

    /// Batch `batchIndex`, with feature rows where `trainer.features` is `inline`.
    public func assemble(batchIndex: UInt64) -> Minibatch {
        let window = batchIndex / UInt64(max(batch.refreshBatches, 1))
        rows.removeAll()
        table.removeAll()
        let (queries, positives, sharedNegatives) = drawTargets(batchIndex)
        let targetCount = rows.count
        addNeighborhoods(of: 0..<targetCount, window)
        let hiddenCount = rows.count
        addNeighborhoods(of: targetCount..<hiddenCount, window)
        return unsafe Minibatch(
            batchIndex: batchIndex, recipe: recipe, targetCount: targetCount, hiddenCount: hiddenCount,
            pins: unsafe FrameArray(UnsafeBufferPointer(start: rows.pins, count: rows.count)),
            boardCounts: boardCounts(),
            neighborhoods: [
                firstLayer(),
                topLayer.lists(
                    count: targetCount, of: table, entryRows: unsafe entryRows.base, pooling: walks.pooling,
                    excludingPartners: batch.excludePairEdges ? (queries, positives) : nil),
            ],
            queries: queries, positives: positives, sharedNegatives: sharedNegatives,
            hardNegatives: FrameArray(count: 0), features: sendsFeatures ? gatherFeatures() : nil)
    }

    /// Draws the pairs and negatives and gives their pins the first rows.
    private func drawTargets(
        _ batchIndex: UInt64
    ) -> (queries: FrameArray<Int32>, positives: FrameArray<Int32>, negatives: FrameArray<Int32>) {
        let (pairCount, negativeCount) = (batch.pairs, batch.sharedNegatives)
        let targetsMax = 2 * pairCount + negativeCount
        drawn.reserve(targetsMax)
        rows.reserve(targetsMax)
        let pins = unsafe drawn.base
        for i in 0..<pairCount {
            unsafe (pins[i], pins[pairCount + i]) = pairs.pair(i, batchIndex: batchIndex)
        }
        for i in 0..<negativeCount {
            unsafe pins[2 * pairCount + i] = negatives.negative(i, batchIndex: batchIndex)
        }
        func insert(from start: Int, _ count: Int) -> FrameArray<Int32> {
            let array = FrameArray<Int32>(count: count)
            if let base = unsafe array.elements.baseAddress {
                unsafe rows.insert(pins + start, count: count, rows: base)
            }
            return array
        }
        let queries = insert(from: 0, pairCount)
        let positives = insert(from: pairCount, pairCount)
        return (queries, positives, insert(from: 2 * pairCount, negativeCount))
    }

    /// Walks the pins of some rows, once each, and gives their neighbours rows.
    private func addNeighborhoods(of rowRange: Range<Int>, _ window: UInt64) {
        let first = table.entryCount
        let pins = unsafe UnsafeBufferPointer(start: rows.pins + rowRange.lowerBound, count: rowRange.count)
        unsafe sampler.sample(pins: pins, window: window, into: table)
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

    /// How many boards each row's pin is on.
    private func boardCounts() -> FrameArray<UInt32> {
        let counts = FrameArray<UInt32>(count: rows.count)
        for row in 0..<rows.count { unsafe counts.elements[row] = UInt32(graph.boards(of: rows.pins[row]).count) }
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
