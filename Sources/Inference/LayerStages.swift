import Artifacts
import Basics
import Configuration
import GraphStore
import Kernels
import PinSageModel
import Sampling

/// What stages of layers work on.
public struct StageJob: Sendable {
    public var graph: BipartiteGraph
    public var checkpointPath: String
    /// The work folder; made when it is missing.
    public var work: String
    public var plan: ShardPlan
    /// 1 or more; changes no bit.
    public var threads = 1
    public var precision = EmbeddingPrecision.float32
    /// Whether rows travel in blocks, one for each pair of shards, in place of tables that every reducer reads.
    public var blocks = false
    /// Whether the boards that the run validates on stay hidden, as they were in training; else every board counts.
    public var hidesValidation = false
    /// Most memory that the process shall have; nil: no limit, and tables on the heap take a part of the machine's.
    public var memoryBytes: Int?

    public init(graph: BipartiteGraph, checkpointPath: String, work: String, plan: ShardPlan) {
        self.graph = graph
        self.checkpointPath = checkpointPath
        self.work = work
        self.plan = plan
    }
}

/// Map and reduce of both layers, shard by shard. Each writes one shard folder, and nothing where it is finished.
public final class LayerStages {
    /// Layers of the network; after the last one comes the head.
    public static let layerCount = 2

    let job: StageJob
    let model: TrainedModel
    /// Boards that neither walks nor counts see.
    let unseen: HiddenBoards
    let work: WorkFolder
    let lanes: BlockLanes<Lane>
    let kernels: Kernels
    let ledger: ShardLedger
    let steps: Steps
    /// The table that was pooled from last, for the next shard.
    var table: (layer: Int, slice: Int, rows: JoinedRows)?
    /// Every pin's message in a layer, on the heap: then there are no shards of them.
    var messages: (layer: Int, rows: Matrix)?

    /// - Parameters:
    ///   - note: told in one line of a damaged shard that is made again.
    ///   - isStopped: asked between blocks; when true, the work is given up.
    ///   - progress: told between blocks how far it is.
    /// - Throws: `InferenceError` where checkpoint and graph do not fit.
    public convenience init(
        _ job: StageJob, note: @escaping (String) -> Void, isStopped: @escaping () -> Bool = { false },
        progress: @escaping (String) -> Void = { _ in }
    ) throws {
        try self.init(
            job, model: TrainedModel(path: job.checkpointPath, for: job.graph, hidingValidation: job.hidesValidation),
            ledger: ShardLedger(note: note),
            steps: Steps(total: job.plan.rows(of: 0).count, isStopped: isStopped, progress: progress))
    }

    init(_ job: StageJob, model: TrainedModel, ledger: ShardLedger, steps: Steps) throws {
        precondition(!job.blocks || job.plan.sliceCount == 1, "LayerStages: blocks in slices")
        self.job = job
        self.model = model
        self.ledger = ledger
        self.steps = steps
        unseen = job.hidesValidation ? HiddenBoards.validation(model.settings) : .none
        kernels = Kernels(team: ThreadTeam(threads: job.threads))
        work = WorkFolder(
            path: job.work, plan: job.plan, graph: job.graph, model: model, hiding: unseen,
            instructionSet: "\(kernels.instructionSet)", precision: job.precision)
        let (unseen, top) = (self.unseen, model.settings.walks.top)
        let laneBytes =
            LayerPass.byteCount(model.parameters.shape, embeddingWidth: model.embeddingWidth(on: job.graph))
            + ListBuffer.byteCount(lists: LayerPass.blockRows, top: top)
        let laneCount = ShardPlan.laneCount(threads: job.threads, laneBytes: laneBytes, memoryBytes: job.memoryBytes)
        lanes = try BlockLanes(team: kernels.team, count: laneCount) {
            try Lane(
                pass: LayerPass(model: model, graph: job.graph, hiding: unseen, kernels: $0),
                lists: ListBuffer(lists: LayerPass.blockRows, top: top))
        }
    }

    /// What computes one block.
    struct Lane {
        let pass: LayerPass
        let lists: ListBuffer
    }

    var plan: ShardPlan { job.plan }
    var shape: ModelShape { model.parameters.shape }
    /// For who works on one block at a time.
    var pass: LayerPass { lanes.first.pass }

    /// Calls `body` with blocks of a range of pins, in order.
    func forEachBlock(of rows: Range<Int>, _ body: (Range<Int>) throws -> Void) throws {
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: LayerPass.blockRows) {
            try body(start..<min(start + LayerPass.blockRows, rows.upperBound))
        }
    }

    /// What a layer reads of a shard's own pins.
    func ownRows(layer: Int, shard index: Int) throws -> OwnRows {
        if layer == 1 { return .features }
        let shard = work.shard(.hidden(layer: layer - 1), index)
        if !ledger.isKnown(shard) { try shard.require(checkingBytes: true) }
        let table = try JoinedRows(
            files: [(shard.file(Self.hiddenFile), shard.rows.count)], columns: shape.hiddenWidth,
            folder: shard.path)
        return .hidden(table, firstPin: shard.rows.lowerBound)
    }

    func inputs(_ own: OwnRows, _ pins: Range<Int>, _ lane: Lane) -> Matrix {
        switch own {
        case .features: lane.pass.features(of: pins)
        case .hidden(let table, let firstPin):
            unsafe Matrix(
                base: table.base + (pins.lowerBound - firstPin) * table.columns, rows: pins.count,
                columns: table.columns, stride: table.columns)
        }
    }

    enum OwnRows {
        case features
        case hidden(JoinedRows, firstPin: Int)
    }

    static let hiddenFile = "hidden.npy"
    static let embeddingsFile = "embeddings.npy"

    /// Columns of all messages of a shard, from `firstColumn` on.
    static func messagesFile(firstColumn: Int) -> String { "columns-\(zeroPadded(firstColumn, 5)).npy" }
}

extension NumpyWriter {
    /// For a shard's table of float32 rows.
    convenience init(shardFile path: String, rows: Int, columns: Int) throws(ArtifactError) {
        try self.init(
            path: path, elementType: .float32, shape: [rows, columns], dataAlignment: JoinedRows.alignment,
            isDurable: false)
    }

    /// Appends all rows of a matrix.
    func append(_ matrix: Matrix) throws(ArtifactError) {
        if matrix.stride == matrix.columns {
            return try unsafe append(UnsafeBufferPointer(start: matrix.base, count: matrix.rows * matrix.columns))
        }
        for row in 0..<matrix.rows {
            try unsafe append(UnsafeBufferPointer(start: matrix.base + row * matrix.stride, count: matrix.columns))
        }
    }
}
