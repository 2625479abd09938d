import Artifacts
import Foundation
import GraphStore
import PinSageModel
import Sampling

/// All stages on this machine, one after another, every shard that is not finished; then the embeddings from the shards.
struct LocalEngine {
    private let stages: LayerStages
    private let neighborhoods: NeighborhoodStage
    private let job: EmbedJob

    /// - Parameter stages: those of the job.
    init(_ job: EmbedJob, stages: LayerStages) {
        self.job = job
        self.stages = stages
        neighborhoods = NeighborhoodStage(
            graph: job.graph, walks: stages.model.settings.walks, seed: stages.model.seed, work: stages.work,
            team: stages.kernels.team)
    }

    private var shards: Range<Int> { 0..<stages.plan.shardCount }

    /// Finishes every shard of neighbourhoods and of embeddings.
    func run() throws {
        for shard in shards { try neighborhoods.write(shard, stages.ledger, stages.steps) }
        for layer in 1...LayerStages.layerCount {
            let output = layer == LayerStages.layerCount ? Stage.embeddings : .hidden(layer: layer)
            // Messages are needed only as long as a reducer is unfinished.
            if shards.allSatisfy({ stages.ledger.isFinished(stages.work.shard(output, $0)) }) {
                try stages.steps.finished(2 * stages.plan.pinCount, of: "layer \(layer)")
                continue
            }
            for shard in shards { try stages.map(layer: layer, shard: shard) }
            for shard in shards { try stages.reduce(layer: layer, shard: shard) }
            try stages.work.remove(.messages(layer: layer))
        }
    }

    /// Writes the embeddings directory from the shards.
    func assemble(in folder: String) throws {
        let model = stages.model
        let (pins, width) = (job.graph.pinCount, model.parameters.shape.outputWidth)
        try join(
            .embeddings, LayerStages.embeddingsFile, job.precision.elementType, [pins, width],
            to: folder + "/embeddings.npy")
        try OutputFolder.copy(job.graph.directory + "/pins.txt", to: folder + "/pins.txt")
        var names = ["embeddings.npy", "pins.txt"] + (try writeBias(folder))
        if job.keepNeighbors {
            for name in NeighborhoodFiles.names {
                let type: NumpyElement = name == NeighborhoodFiles.weights ? .float32 : .int32
                try join(.neighborhoods, name, type, [pins, model.settings.walks.top], to: "\(folder)/\(name)")
                names.append(name)
            }
        }
        let manifest = try Manifest(
            describing: names, in: folder, kind: "embeddings", counts: ["pins": pins], featureWidth: width,
            extra: [
                "metric": model.metric, "graph": OutputFolder.absolutePath(job.graph.directory),
                "graph_fingerprint": job.graph.fingerprint, "checkpoint": model.name, "step": "\(model.step)",
            ])
        try manifest.write(directory: folder)
    }

    /// One table of a file that every shard of a stage has.
    private func join(_ stage: Stage, _ name: String, _ type: NumpyElement, _ shape: [Int], to path: String) throws {
        let writer = try NumpyWriter(path: path, elementType: type, shape: shape)
        for index in shards {
            let file = try NumpyFile(
                path: stages.work.shard(stage, index).file(name), elements: [type], rank: 2, advice: .sequential)
            try withExtendedLifetime(file) { try unsafe writer.append(bytes: file.dataBytes) }
        }
        try writer.close()
    }

    /// Writes `bias.npy`, the popularity prior of every pin; nothing where the model has none.
    ///
    /// - Returns: the names of the files written.
    private func writeBias(_ folder: String) throws -> [String] {
        let prior = stages.model.settings.model.popularityPrior
        guard prior > 0 else { return [] }
        let graph = job.graph
        let writer = try NumpyWriter(path: folder + "/bias.npy", elementType: .float32, shape: [graph.pinCount])
        try stages.forEachBlock(of: 0..<graph.pinCount) { pins in
            try writer.append(
                pins.map { Float(prior * log1p(Double(unsafe graph.boards(of: UInt32($0)).count))) } as [Float])
        }
        try writer.close()
        return ["bias.npy"]
    }
}
