import Artifacts
import Configuration
import Foundation
import GraphStore
import Sampling

/// A kind of shard files. A layer is 1 or 2.
enum Stage: Equatable {
    /// Every pin's neighbour list.
    case neighborhoods
    /// For each shard of messages, the pins whose rows this shard's lists name.
    case needs
    /// Every pin's message, once.
    case messages(layer: Int)
    /// Of a shard of messages, the rows that each reducer needs.
    case blocks(layer: Int)
    /// Every pin's representation after a layer that another follows.
    case hidden(layer: Int)
    case embeddings

    var name: String {
        switch self {
        case .neighborhoods: "neighborhoods"
        case .needs: "needs"
        case .messages(let layer): "messages-\(layer)"
        case .blocks(let layer): "blocks-\(layer)"
        case .hidden(let layer): "hidden-\(layer)"
        case .embeddings: "embeddings"
        }
    }

    /// What makes it.
    var command: String {
        switch self {
        case .neighborhoods: "pinsage neighbors --all --shard"
        case .needs: "pinsage neighbors --all --needs --shard"
        case .messages(let layer): "pinsage map --layer \(layer) --shard"
        case .blocks(let layer): "pinsage map --blocks --layer \(layer) --shard"
        case .hidden(let layer): "pinsage reduce --layer \(layer) --shard"
        case .embeddings: "pinsage reduce --layer 2 --shard"
        }
    }

    static let all: [Stage] =
        [.neighborhoods, .needs, .hidden(layer: 1), .embeddings]
        + [1, 2].flatMap { [.messages(layer: $0), .blocks(layer: $0)] }
}

/// The folder of all shard files of one embedding: `STAGE/00003-of-00016/`, each with a manifest that says what run it
/// belongs to.
struct WorkFolder {
    let path: String
    let plan: ShardPlan
    /// Of (graph, walks, seed, hidden boards, number of shards).
    let walkFingerprint: String
    /// Of all that and (checkpoint, instruction set, slices); nil where only neighbourhoods are asked for.
    private let modelFingerprint: String?
    private let precision: EmbeddingPrecision

    /// - Parameter unseen: boards that the walks do not see.
    init(
        path: String, plan: ShardPlan, graph: BipartiteGraph, walks: WalkSettings, seed: UInt64,
        hiding unseen: HiddenBoards = .none
    ) {
        self.path = path
        self.plan = plan
        walkFingerprint = Self.fingerprint(
            [
                "neighborhoods 1", graph.fingerprint, "\(plan.shardCount)", "\(seed)", "\(walks.count)",
                "\(walks.steps)", "\(walks.top)", "\(walks.restart)", walks.pooling.rawValue,
            ] + (unseen.isEmpty ? [] : [unseen.identity]))
        modelFingerprint = nil
        precision = .float32
    }

    /// - Parameter instructionSet: of the kernels; other sets round otherwise.
    init(
        path: String, plan: ShardPlan, graph: BipartiteGraph, model: TrainedModel, hiding unseen: HiddenBoards = .none,
        instructionSet: String, precision: EmbeddingPrecision
    ) {
        let walks = WorkFolder(
            path: path, plan: plan, graph: graph, walks: model.settings.walks, seed: model.seed, hiding: unseen)
        self.path = path
        self.plan = plan
        self.precision = precision
        walkFingerprint = walks.walkFingerprint
        modelFingerprint = Self.fingerprint([
            "layers 1", walkFingerprint, model.checksum, instructionSet, "\(plan.sliceCount)",
            "\(model.embeddingWidth(on: graph))",
        ])
    }

    func shard(_ stage: Stage, _ index: Int) -> Shard {
        Shard(
            path: "\(path)/\(stage.name)/\(ShardNumber(index: index, count: plan.shardCount).folderName)", stage: stage,
            number: ShardNumber(index: index, count: plan.shardCount), rows: plan.rows(of: index),
            run: fingerprint(of: stage))
    }

    private func fingerprint(of stage: Stage) -> String {
        switch stage {
        case .neighborhoods, .needs: walkFingerprint
        case .messages, .blocks, .hidden: modelFingerprint ?? walkFingerprint
        case .embeddings: Self.fingerprint([modelFingerprint ?? walkFingerprint, precision.rawValue])
        }
    }

    /// Removes the files of a stage.
    func remove(_ stage: Stage) throws { try AtomicReplace.removeTree("\(path)/\(stage.name)") }

    /// Removes the files of every stage, and the folder unless it holds anything else.
    func remove() throws {
        for stage in Stage.all { try remove(stage) }
        unsafe rmdir(path)
    }

    /// Whether any shard has been finished, of whatever run.
    var hasShards: Bool {
        Stage.all.contains { stage in
            let names = (try? AtomicReplace.entries(ofFolder: "\(path)/\(stage.name)")) ?? nil
            return names?.contains { !AtomicReplace.isTemporary($0) } ?? false
        }
    }

    private static func fingerprint(_ lines: [String]) -> String {
        Checksum.xxh64Hex(of: lines.joined(separator: "\n"))
    }
}

/// The type of the numbers in `embeddings.npy`.
public enum EmbeddingPrecision: String, CaseIterable, Sendable {
    case float32
    case float16

    var elementType: NumpyElement { self == .float32 ? .float32 : .float16 }
}
