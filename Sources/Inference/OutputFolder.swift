import Artifacts
import Foundation

/// What the output needs from the file system, with this project's errors.
enum OutputFolder {
    /// Refuses a target folder that holds anything but embeddings: it would be lost.
    static func requireReplaceable(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw InferenceError.occupied(path: path, found: "something that is not a folder")
        }
        if names.isEmpty { return }
        guard let manifest = try? Manifest.read(directory: path, kind: "embeddings") else {
            throw InferenceError.occupied(path: path, found: "\(names.count) files that are not embeddings")
        }
        let known = manifest.files.keys + [Manifest.fileName]
        if let stranger = names.sorted().first(where: { !known.contains($0) }) {
            throw InferenceError.occupied(path: path, found: "embeddings and '\(stranger)', which would be lost")
        }
    }

    static func copy(_ source: String, to path: String) throws {
        let file = try MappedFile(path: source, advice: .sequential)
        try withExtendedLifetime(file) {
            try AtomicReplace.write(to: path) { try unsafe $0.write(file.bytes) }
        }
    }

    /// The folder above.
    static func parent(of path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path
    }

    static func absolutePath(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
