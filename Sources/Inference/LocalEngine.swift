import Artifacts
import Foundation
import GraphStore
import PinSageModel
import Sampling

/// All stages on this machine, one after another, every shard that is not finished; then the embeddings from the shards.
struct LocalEngine {
    private let stages: LayerStages
    private let job: EmbedJob

    /// - Parameter stages: those of the job.
    init(_ job: EmbedJob, stages: LayerStages) {
        self.job = job
        self.stages = stages
    }

    private var shards: Range<Int> { 0..<stages.plan.shardCount }

    /// Finishes every shard of neighbourhoods, and of embeddings unless few rows of earlier ones have changed.
    ///
    /// - Returns: those rows.
    func run() throws -> Changes? {
        // Shards made elsewhere may be all that is here: lists are needed to make more, to compare, or to be kept.
        if job.update == nil, !job.keepNeighbors,
            shards.allSatisfy({ stages.ledger.isFinished(stages.work.shard(.embeddings, $0)) })
        {
            try stages.steps.finished(5 * stages.plan.pinCount, of: "layer 2")
            return nil
        }
        try stages.finishNeighborhoods()
        if let old = job.update {
            let changes = try Changes(since: old, stages: stages, madeWith: madeWith)
            if changes.areFew {
                try changes.embed(stages)
                return changes
            }
        }
        try stages.finishLayers()
        return nil
    }

    /// Writes the embeddings directory from the shards; with `changes`, from earlier embeddings and the changed rows.
    func assemble(in folder: String, _ changes: Changes?) throws {
        let model = stages.model
        let (pins, width) = (job.graph.pinCount, model.embeddingWidth(on: job.graph))
        if let changes {
            try changes.write(to: folder + "/embeddings.npy", pinCount: pins, precision: job.precision)
        } else {
            try join(
                .embeddings, LayerStages.embeddingsFile, job.precision.elementType, [pins, width],
                to: folder + "/embeddings.npy")
        }
        try OutputFolder.copy(job.graph.directory + "/pins.txt", to: folder + "/pins.txt")
        var names =
            try ["embeddings.npy", "pins.txt"]
            + OutputFolder.writeBias(
                folder, model, job.graph, hiding: stages.unseen, 0..<pins)
        var extra: [String: String] = [:]
        if job.keepNeighbors {
            for name in NeighborhoodFiles.names {
                let type: NumpyElement = name == NeighborhoodFiles.weights ? .float32 : .int32
                try join(.neighborhoods, name, type, [pins, model.settings.walks.top], to: "\(folder)/\(name)")
            }
            try writeInputs("\(folder)/\(Changes.inputsFile)")
            names += NeighborhoodFiles.names + [Changes.inputsFile]
            extra[Changes.madeWithKey] = madeWith
        }
        try OutputFolder.writeManifest(folder, names, pinCount: pins, model, job.graph, extra)
    }

    /// What rows depend on beside graph and walks over it.
    private var madeWith: String {
        "\(stages.model.checksum) \(stages.kernels.instructionSet) \(job.precision.rawValue)"
            + (stages.unseen.isEmpty ? "" : " \(stages.unseen.identity)")
    }

    /// A hash of what layer 1 reads of each pin.
    private func writeInputs(_ path: String) throws {
        let writer = try NumpyWriter(path: path, elementType: .int64, shape: [job.graph.pinCount])
        try stages.forEachBlock(of: 0..<job.graph.pinCount) { try writer.append(stages.pass.inputHashes(of: $0)) }
        try writer.close()
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
}

extension LayerStages {
    /// Every shard of neighbourhoods that is not finished.
    package func finishNeighborhoods() throws {
        let stage = NeighborhoodStage(
            graph: job.graph, walks: model.settings.walks, seed: model.seed, hiding: unseen, work: work,
            team: kernels.team)
        for shard in 0..<plan.shardCount { try stage.write(shard, ledger, steps) }
    }

    /// Every shard of embeddings, and of rows before them, that is not finished.
    package func finishLayers() throws {
        for layer in 1...Self.layerCount { try finish(layer: layer) }
        messages = nil
    }

    /// Messages lie on the heap where they fit, since they are read all over; else they are shards, which are mapped.
    /// After a kill those on the heap are made again.
    private func finish(layer: Int) throws {
        let shards = 0..<plan.shardCount
        let output = layer == Self.layerCount ? Stage.embeddings : .hidden(layer: layer)
        // Messages are needed only as long as a reducer is unfinished.
        if shards.allSatisfy({ ledger.isFinished(work.shard(output, $0)) }) {
            return try steps.finished(2 * plan.pinCount, of: "layer \(layer)")
        }
        if plan.keepsMessages(width: shape.hiddenWidth, memoryBytes: job.memoryBytes) {
            try keepMessages(layer: layer)
        } else {
            for shard in shards { try map(layer: layer, shard: shard) }
        }
        for shard in shards { try reduce(layer: layer, shard: shard) }
        try work.remove(.messages(layer: layer))
    }
}
