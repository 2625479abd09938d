import Artifacts
import Basics

/// The tables of hard negatives of a run: `RUN/hard_negatives/epoch-00003/` holds `table.npy` and `manifest.json`.
///
/// A table's folder appears whole or not at all. Its manifest says what it was made from.
public struct HardNegativeFolder: Sendable {
    public static let tableName = "table.npy"
    private static let kind = "hard_negatives"
    private static let prefix = "epoch-"

    public let path: String

    public init(run: String) { path = run + "/hard_negatives" }

    /// What a manifest says of a table.
    public struct Description: Equatable, Sendable {
        public var name: TableName
        /// Checksum of the tensors of the checkpoint whose embeddings were ranked.
        public var checkpointChecksum: String
        /// Recipe of the run's batches, 16 hexadecimal digits.
        public var recipe: String

        public init(name: TableName, checkpointChecksum: String, recipe: String) {
            self.name = name
            self.checkpointChecksum = checkpointChecksum
            self.recipe = recipe
        }
    }

    /// What is said of an epoch's table; nil where there is none that could be used.
    public func description(epoch: UInt64) -> Description? {
        guard let manifest = try? Manifest.read(directory: folder(epoch), kind: Self.kind),
            (try? manifest.verifyLengths(directory: folder(epoch))) != nil,
            let file = manifest.files[Self.tableName], let checkpoint = manifest.extra["checkpoint_checksum"],
            let recipe = manifest.extra["recipe"]
        else { return nil }
        return Description(
            name: TableName(epoch: epoch, fingerprint: file.xxh64), checkpointChecksum: checkpoint, recipe: recipe)
    }

    /// Opens and checks a table.
    ///
    /// - Throws: `ArtifactError`.
    public func open(_ name: TableName, pinCount: Int) throws(ArtifactError) -> HardNegativeTable {
        try HardNegativeTable(
            npyPath: "\(folder(name.epoch))/\(Self.tableName)", name: name, pinCount: pinCount)
    }

    /// Writes an epoch's table; an earlier one is replaced.
    ///
    /// - Parameters:
    ///   - queries: ascending.
    ///   - candidates: those of each query, at most `HardNegativeTable.candidatesMax`.
    ///   - extra: further strings for the manifest.
    public func write(
        epoch: UInt64, queries: [UInt32], candidates: [[UInt32]], checkpointChecksum: String, recipe: String,
        extra: [String: String]
    ) throws {
        precondition(queries.count == candidates.count, "HardNegativeFolder: a list for each query")
        try AtomicReplace.writeFolder(at: folder(epoch), replacing: true) { folder in
            let writer = try NumpyWriter(
                path: "\(folder)/\(Self.tableName)", elementType: .int32,
                shape: [queries.count, HardNegativeTable.width])
            for (query, list) in zip(queries, candidates) {
                precondition(list.count < HardNegativeTable.width, "HardNegativeFolder: \(list.count) candidates")
                let padding = repeatElement(Int32(-1), count: HardNegativeTable.candidatesMax - list.count)
                try writer.append([Int32(query)] + list.map { Int32($0) } + padding)
            }
            try writer.close()
            let own = ["epoch": "\(epoch)", "checkpoint_checksum": checkpointChecksum, "recipe": recipe]
            try Manifest(
                describing: [Self.tableName], in: folder, kind: Self.kind, counts: ["queries": queries.count],
                featureWidth: 0, extra: extra.merging(own) { $1 }
            ).write(directory: folder)
        }
    }

    /// Removes an epoch's table, so that it is made again.
    public func remove(epoch: UInt64) { try? AtomicReplace.removeTree(folder(epoch)) }

    /// Removes the tables of all epochs before this one.
    public func removeAll(before epoch: UInt64) {
        for old in epochs where old < epoch { remove(epoch: old) }
    }

    /// Removes what a process that was killed while it wrote has left behind.
    public func removeLeftovers() { AtomicReplace.removeLeftovers(in: path) }

    /// The epochs whose tables are there.
    public var epochs: [UInt64] {
        let names = (try? AtomicReplace.entries(ofFolder: path)) ?? []
        return names.filter { $0.hasPrefix(Self.prefix) }.compactMap { UInt64($0.dropFirst(Self.prefix.count)) }
    }

    private func folder(_ epoch: UInt64) -> String { "\(path)/\(Self.prefix)\(zeroPadded(epoch, 5))" }
}
