import Artifacts
import Foundation

/// A folder of finished files for a range of pins: it is there, whole, or not at all.
///
/// Its manifest has kind `shard`, length and checksum of every file, and the run that it belongs to. Nothing is synced:
/// what a power failure leaves damaged is found by its checksum and made again.
struct Shard {
    static let kind = "shard"

    let path: String
    let stage: Stage
    let number: ShardNumber
    /// Pins of the shard.
    let rows: Range<Int>
    /// Fingerprint of everything that the content depends on.
    let run: String

    enum State {
        case missing
        /// Of another run; its fingerprint or what else differs.
        case foreign(String)
        case damaged(any Error)
        case finished
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Reads every file and compares checksums.
    func state() -> State {
        guard FileManager.default.fileExists(atPath: path) else { return .missing }
        do {
            let manifest = try Manifest.read(directory: path, kind: Self.kind)
            if let other = difference(manifest) { return .foreign(other) }
            try manifest.verifyChecksums(directory: path)
            return .finished
        } catch {
            return .damaged(error)
        }
    }

    /// Makes sure of an input: that it is there, of this run, and of its length; with `checkingBytes`, undamaged.
    ///
    /// - Throws: `InferenceError.unfinished` or `ArtifactError`.
    func require(checkingBytes: Bool) throws {
        let manifest = try requireManifest()
        if checkingBytes {
            try manifest.verifyChecksums(directory: path)
        } else {
            try manifest.verifyLengths(directory: path)
        }
    }

    private func requireManifest() throws -> Manifest {
        guard FileManager.default.fileExists(atPath: file(Manifest.fileName)) else {
            throw InferenceError.unfinished(path: path, expected: "a finished shard", found: "none", command: command)
        }
        let manifest = try Manifest.read(directory: path, kind: Self.kind)
        if let other = difference(manifest) {
            throw InferenceError.unfinished(path: path, expected: "run \(run)", found: other, command: command)
        }
        return manifest
    }

    /// Makes sure of one file of an input, which may be all that is there beside the manifest.
    func require(_ name: String) throws {
        try requireManifest().verifyChecksum(of: name, directory: path)
    }

    /// Fills the folder and moves it into place. A second attempt that comes later, on this host or another, finds the
    /// same bytes there and leaves them.
    ///
    /// - Parameter body: writes files into the folder it is given; returns what the manifest says of them, by name.
    func write(_ body: (_ folder: String) throws -> [String: Manifest.File]) throws {
        let owner = "\(ProcessInfo.processInfo.hostName)-\(getpid())"
        do {
            try AtomicReplace.writeFolder(at: path, replacing: true, owner: owner, isDurable: false) { folder in
                try Manifest(
                    files: body(folder), kind: Self.kind,
                    counts: ["pins": rows.count, "first_pin": rows.lowerBound], featureWidth: 0,
                    extra: ["stage": stage.name, "shard": number.description, "run": run]
                ).write(directory: folder, isDurable: false)
            }
        } catch let error as ArtifactError {
            if case .system(_, "replace", _) = error, case .finished = state() { return }
            throw error
        }
    }

    private var command: String { "\(stage.command) \(number)" }

    /// What the manifest says otherwise.
    private func difference(_ manifest: Manifest) -> String? {
        if manifest.extra["run"] != run { return "run \(manifest.extra["run"] ?? "none")" }
        if manifest.extra["stage"] != stage.name { return "stage \(manifest.extra["stage"] ?? "none")" }
        if manifest.extra["shard"] != number.description { return "shard \(manifest.extra["shard"] ?? "none")" }
        return nil
    }
}
