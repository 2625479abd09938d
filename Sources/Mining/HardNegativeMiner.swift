import Configuration
import GraphStore
import Kernels
import Minibatches
import Sampling
import Search

/// Makes an epoch's table of hard-negative candidates from the embeddings at the end of the epoch before.
///
/// For each query that the epoch's batches will draw: the pins in the window of ranks by score (without a popularity
/// prior, as the loss compares them), found by exact search, and candidates drawn from these. The table is a pure
/// function of (embeddings, graph, settings, epoch): threads and interruptions change no bit.
///
/// - Source: Ying et al. 2018, §3.3, with ranks by embedding in place of PageRank.
public struct HardNegativeMiner {
    private let graph: BipartiteGraph
    private let settings: PipelineSettings
    private let kernels: Kernels
    /// The window on this graph.
    public let ranks: ClosedRange<Int>

    /// - Throws: `ConfigError` when the window does not fit.
    public init(graph: BipartiteGraph, settings: PipelineSettings, kernels: Kernels) throws {
        self.graph = graph
        self.settings = settings
        self.kernels = kernels
        ranks = try settings.hardNegatives.ranks.ranks(pinCount: graph.pinCount)
    }

    /// Queries and their candidates.
    public struct Mined {
        /// Ascending.
        public var queries: [UInt32]
        /// Those of each query.
        public var candidates: [[UInt32]]
    }

    /// Mines an epoch's candidates.
    ///
    /// - Parameter isStopped: asked between blocks of queries; when true, the work is given up.
    /// - Returns: nil when it was stopped.
    /// - Throws: `SamplingError` when the graph has no pairs.
    /// - Complexity: O(queries · pins · width) multiply-adds.
    public func mine(
        epoch: UInt64, embeddings: EmbeddingDirectory, isStopped: () -> Bool = { false }
    ) throws -> Mined? {
        let queries = try self.queries(epoch: epoch)
        let search = embeddings.search(withBias: false, kernels: kernels)
        let draw = HardNegativeDraw(graph: graph, settings: settings)
        var candidates: [[UInt32]] = []
        candidates.reserveCapacity(queries.count)
        let perBlock = 1024
        for start in stride(from: 0, to: queries.count, by: perBlock) {
            if isStopped() { return nil }
            let block = Array(queries[start..<min(start + perBlock, queries.count)])
            candidates += search.bands(of: block, ranks: ranks) { index, band in
                draw.candidates(of: block[index], epoch: epoch, from: band)
            }
        }
        return Mined(queries: queries, candidates: candidates)
    }

    /// The queries of an epoch's batches, each once, ascending.
    func queries(epoch: UInt64) throws -> [UInt32] {
        let pairs = try PairSampler(
            graph: graph, boards: settings.batch.boards, seed: settings.seed,
            validation: HiddenBoards.validation(settings).validation)
        let hiding = BoardHiding(settings)
        var isDrawn = [Bool](repeating: false, count: graph.pinCount)
        let first = settings.firstBatch(ofEpoch: epoch)
        for batch in first..<first + UInt64(settings.training.batchesPerEpoch) {
            let hidden = hiding.hidden(inWindow: settings.window(ofBatch: batch))
            for pair in 0..<settings.batch.pairs {
                isDrawn[Int(pairs.pair(pair, batchIndex: batch, hiding: hidden).query)] = true
            }
        }
        return isDrawn.indices.filter { isDrawn[$0] }.map { UInt32($0) }
    }
}
