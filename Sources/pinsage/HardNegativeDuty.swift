import Artifacts
import Basics
import Configuration
import GraphStore
import Kernels
import Logging
import Minibatches
import Mining
import Search

/// Makes the table of hard negatives for the epoch that comes next.
struct HardNegativeDuty: EpochDuty {
    let name = "hard negatives"
    private let settings: PipelineSettings
    private let graph: BipartiteGraph
    private let miner: HardNegativeMiner
    private let folder: HardNegativeFolder
    private let recipe: String
    private let log: Logger

    /// - Throws: `ConfigError` when the window of ranks does not fit the graph.
    init(settings: PipelineSettings, graph: BipartiteGraph, threads: Int, log: Logger) throws {
        self.settings = settings
        self.graph = graph
        self.log = log
        miner = try HardNegativeMiner(
            graph: graph, settings: settings, kernels: Kernels(team: ThreadTeam(threads: threads)))
        folder = HardNegativeFolder(run: settings.run)
        recipe = Checksum.hex(settings.recipe(graphFingerprint: graph.fingerprintValue))
        folder.removeLeftovers()
    }

    func isDue(_ end: EpochEnd) -> Bool {
        guard end.isNewest, !end.isLast, settings.needsHardNegativeTable(inEpoch: end.epoch) else { return false }
        guard let table = folder.description(epoch: end.epoch) else { return true }
        return table.checkpointChecksum != end.checkpointChecksum || table.recipe != recipe
    }

    func perform(_ end: EpochEnd, embeddings: EmbeddingDirectory, isStopped: () -> Bool) throws {
        guard let mined = try miner.mine(epoch: end.epoch, embeddings: embeddings, isStopped: isStopped) else { return }
        let (low, high) = (miner.ranks.lowerBound, miner.ranks.upperBound)
        let without = mined.candidates.count { $0.isEmpty }
        try folder.write(
            epoch: end.epoch, queries: mined.queries, candidates: mined.candidates,
            checkpointChecksum: end.checkpointChecksum, recipe: recipe,
            extra: ["ranks": "\(low)-\(high)", "step": "\(end.step)", "graph_fingerprint": graph.fingerprint])
        log.info(
            "hard negatives mined",
            metadata: [
                "epoch": "\(end.epoch)", "queries": "\(mined.queries.count)", "without_candidates": "\(without)",
                "ranks": "\(low)-\(high)",
            ])
    }
}
