import Artifacts
import GraphStore
import PinSageModel

/// What to embed, with what, and where to.
public struct EmbedJob: Sendable {
    public var graph: BipartiteGraph
    public var checkpointPath: String
    /// Embeddings directory to write. Earlier embeddings there are replaced.
    public var output: String
    /// 1 or more; changes no bit of the result.
    public var threads: Int
    /// Also leaves `neighbors.npy`, `weights.npy`, `visits.npy` and `inputs.npy` in the output: what `update` needs.
    public var keepNeighbors: Bool
    /// Most memory that the process shall have, mapped files included; nil: no limit. At least
    /// `ShardPlan.memoryBytesMin`.
    public var memoryBytes: Int?
    /// The fewest shards; nil: as many as suit the graph and the memory.
    public var shardCount: Int?
    public var precision = EmbeddingPrecision.float32
    /// Where finished shards lie until the end; nil: `OUTPUT.work`.
    public var work: String?
    /// Earlier embeddings, with `keepNeighbors`, of this checkpoint on an earlier state of the graph: rows that have not
    /// changed are taken from there. Changes no bit. The output is then like one with `keepNeighbors`.
    public var update: String? {
        didSet { if update != nil { keepNeighbors = true } }
    }
    /// Whether the boards that the run validates on stay hidden, as they were in training; else every board counts.
    public var hidesValidation: Bool

    public init(
        graph: BipartiteGraph, checkpointPath: String, output: String, threads: Int = 1, keepNeighbors: Bool = false,
        hidesValidation: Bool = false
    ) {
        self.graph = graph
        self.checkpointPath = checkpointPath
        self.output = output
        self.threads = threads
        self.keepNeighbors = keepNeighbors
        self.hidesValidation = hidesValidation
    }

    /// Where finished shards lie until the end.
    public var workFolder: String {
        var path = output[...]
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return work ?? path + ".work"
    }
}

/// What was written.
public struct EmbedSummary: Equatable, Sendable {
    public let pinCount: Int
    public let width: Int
    /// `cosine` or `dot`.
    public let metric: String
}

/// Every pin's embedding, layer by layer: each layer of each pin is computed exactly once.
///
/// Neighbourhoods of all pins; then for each layer a map (the message of every pin) and a reduce (gather, pool, update,
/// after layer 2 the head), over shards of consecutive pins. What lies between two stages is in mapped files in the
/// work folder, but for messages where they fit the memory: the heap holds those and blocks of rows. Neighbourhoods
/// come from the walk settings and the seed that the checkpoint was trained with.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, §3.4, with pin–pin neighbourhoods in place of two jobs per layer.
public enum EmbedAllPins {
    /// Writes `embeddings.npy`, `pins.txt`, `manifest.json` and, with a popularity prior, `bias.npy` to the job's
    /// output, all at once at the end. Goes on where an earlier run of the same job was killed.
    ///
    /// - Parameters:
    ///   - note: told in one line of a damaged shard that is made again.
    ///   - isStopped: asked between blocks; when true, the work is given up.
    ///   - progress: told between blocks how far it is.
    /// - Throws: `InferenceError` or `ArtifactError`; then the output is as it was. Finished shards stay in the work
    ///   folder, except where the numbers themselves are bad.
    @discardableResult
    public static func run(
        _ job: EmbedJob, note: @escaping (String) -> Void = { _ in }, isStopped: @escaping () -> Bool = { false },
        progress: @escaping (String) -> Void = { _ in }
    ) throws -> EmbedSummary {
        let model = try TrainedModel(
            path: job.checkpointPath, for: job.graph, hidingValidation: job.hidesValidation)
        try OutputFolder.requireReplaceable(job.output)
        let limit = job.memoryBytes.map { ResidentLimit(byteCount: $0) }
        defer { limit?.end() }
        var stageJob = StageJob(
            graph: job.graph, checkpointPath: job.checkpointPath, work: job.workFolder,
            plan: ShardPlan(
                pinCount: job.graph.pinCount, width: model.parameters.shape.hiddenWidth, shardCount: job.shardCount,
                memoryBytes: job.memoryBytes))
        stageJob.threads = job.threads
        stageJob.precision = job.precision
        stageJob.hidesValidation = job.hidesValidation
        stageJob.memoryBytes = job.memoryBytes
        let stages = try LayerStages(
            stageJob, model: model, ledger: ShardLedger(note: note),
            steps: Steps(total: 5 * job.graph.pinCount, isStopped: isStopped, progress: progress))
        let above = try MadeFolders(upTo: OutputFolder.parent(of: job.output))
        do {
            let engine = LocalEngine(job, stages: stages)
            let changes = try engine.run()
            try AtomicReplace.writeFolder(at: job.output, replacing: true) { try engine.assemble(in: $0, changes) }
            try stages.work.remove()
        } catch {
            throw giveUp(error, stages.work, above)
        }
        return EmbedSummary(
            pinCount: job.graph.pinCount, width: model.embeddingWidth(on: job.graph), metric: model.metric)
    }

    /// Keeps what is worth it of the work, and says where.
    private static func giveUp(_ error: any Error, _ work: WorkFolder, _ above: MadeFolders) -> any Error {
        let isBad: Bool
        switch error {
        case InferenceError.notFinite, InferenceError.beyondFloat16: isBad = true
        default: isBad = false
        }
        let isKept = !isBad && work.hasShards
        if !isKept {
            try? work.remove()
            above.remove()
        }
        if case InferenceError.stopped = error { return InferenceError.stopped(work: isKept ? work.path : nil) }
        return error
    }
}

/// Counts finished rows, tells how far the work is, and ends it when asked.
final class Steps {
    private let total: Int
    private var done = 0
    private let isStopped: () -> Bool
    private let progress: (String) -> Void

    init(total: Int, isStopped: @escaping () -> Bool, progress: @escaping (String) -> Void) {
        self.total = total
        self.isStopped = isStopped
        self.progress = progress
    }

    /// - Throws: `InferenceError.stopped`.
    func finished(_ rows: Int, of stage: String) throws {
        done += rows
        progress("embedding: \(100 * done / max(1, total)) %, \(stage)")
        if isStopped() { throw InferenceError.stopped(work: nil) }
    }
}
