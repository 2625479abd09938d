import Artifacts
import Basics
import Configuration
import GraphStore
import Kernels
import Sampling

/// Neighbour lists of a shard's pins, and which rows of each shard of messages they name.
public struct NeighborhoodStage {
    private let graph: BipartiteGraph
    private let walks: WalkSettings
    private let seed: UInt64
    private let unseen: HiddenBoards
    private let work: WorkFolder
    private let team: ThreadTeam

    /// - Parameters:
    ///   - work: the work folder; made when it is missing.
    ///   - threads: 1 or more; changes no bit.
    public init(graph: BipartiteGraph, walks: WalkSettings, seed: UInt64, work: String, shardCount: Int, threads: Int) {
        let plan = ShardPlan(pinCount: graph.pinCount, shardCount: shardCount)
        self.init(
            graph: graph, walks: walks, seed: seed, hiding: .none,
            work: WorkFolder(path: work, plan: plan, graph: graph, walks: walks, seed: seed),
            team: ThreadTeam(threads: threads))
    }

    /// - Parameter unseen: boards that are not there for the walks; those of the work folder.
    init(
        graph: BipartiteGraph, walks: WalkSettings, seed: UInt64, hiding unseen: HiddenBoards, work: WorkFolder,
        team: ThreadTeam
    ) {
        self.graph = graph
        self.walks = walks
        self.seed = seed
        self.unseen = unseen
        self.work = work
        self.team = team
    }

    /// Writes the shard's `neighbors.npy`, `weights.npy` and `visits.npy`, unless they are there already.
    ///
    /// - Parameters:
    ///   - needs: also writes the need-lists, for `pinsage map --blocks`.
    ///   - progress: told how many pins of the shard are done, and of how many.
    public func run(
        shard index: Int, needs: Bool = false, note: @escaping (String) -> Void,
        isStopped: @escaping () -> Bool = { false }, progress: @escaping (String) -> Void = { _ in }
    ) throws {
        let count = work.plan.rows(of: index).count
        let steps = Steps(total: count, isStopped: isStopped, progress: progress)
        let ledger = ShardLedger(note: note)
        try write(index, ledger, steps)
        if needs { try writeNeeds(index, ledger) }
    }

    func write(_ index: Int, _ ledger: ShardLedger, _ steps: Steps) throws {
        let shard = work.shard(.neighborhoods, index)
        if ledger.isFinished(shard) { return try steps.finished(shard.rows.count, of: "neighbourhoods") }
        try shard.write { folder in
            let files = try NeighborhoodFiles(
                directory: folder, pinCount: shard.rows.count, walks: walks, isDurable: false)
            try sample(shard.rows, into: files, steps)
            try files.close()
            return files.described
        }
        ledger.finished(shard)
    }

    /// Samples by chunks of pins on the team's threads.
    private func sample(_ rows: Range<Int>, into files: NeighborhoodFiles, _ steps: Steps) throws {
        let chunks = (0..<2 * team.threadCount).map { _ in
            (sampler: NeighborhoodSampler(graph: graph, walks: walks, seed: seed), table: NeighborhoodTable())
        }
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: chunks.count * Self.chunkPins) {
            let end = min(start + chunks.count * Self.chunkPins, rows.upperBound)
            let used = chunks.prefix((end - start + Self.chunkPins - 1) / Self.chunkPins)
            team.run(chunks: used.count) { index in
                let first = start + index * Self.chunkPins
                used[index].table.removeAll()
                used[index].sampler.sample(
                    range: first..<min(first + Self.chunkPins, end), window: NeighborhoodSampler.embeddingWindow,
                    hiding: unseen, into: used[index].table)
            }
            for chunk in used { try files.append(chunk.table) }
            try steps.finished(end - start, of: "neighbourhoods")
        }
    }

    private func writeNeeds(_ index: Int, _ ledger: ShardLedger) throws {
        let shard = work.shard(.needs, index)
        if ledger.isFinished(shard) { return }
        let lists = try NeighborhoodLists(folder: work.shard(.neighborhoods, index).path)
        let needed = lists.needed(pinCount: graph.pinCount)
        try shard.write { folder in
            var files: [String: Manifest.File] = [:]
            for source in 0..<work.plan.shardCount {
                let name = Self.needsFile(of: source)
                let pins = needed.pins(in: work.plan.rows(of: source))
                let writer = try NumpyWriter(
                    path: "\(folder)/\(name)", elementType: .uint32, shape: [pins.count], isDurable: false)
                try writer.append(pins)
                try writer.close()
                files[name] = writer.described
            }
            return files
        }
    }

    /// The pins of one shard of messages that a shard needs.
    static func needsFile(of source: Int) -> String { "of-\(zeroPadded(source, 5)).npy" }

    /// Pins that one thread samples at a time.
    private static let chunkPins = 512
}
