import Foundation
import TestSupport

/// A folder for the inputs of a reader that takes paths: in memory where the system has such a place.
final class MemoryFolder {
    let path: String
    private var held: [String: [UInt8]] = [:]

    init() throws {
        let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        path = root + "pinsage-fuzz-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Makes the folder hold these files with these contents: a missing part is a missing file.
    func hold(_ names: [String], _ parts: FuzzParts) throws {
        for (index, name) in names.enumerated() {
            try put(index < parts.count ? parts[index] : nil, at: name)
        }
    }

    /// Writes, or with nil removes, a file; does nothing where it is so already.
    func put(_ bytes: [UInt8]?, at name: String) throws {
        if held[name] == bytes { return }
        held[name] = bytes
        guard let bytes else {
            unlink(file(name))
            return
        }
        let descriptor = open(file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard descriptor >= 0, close(descriptor) == 0, written == bytes.count else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: file(name)])
        }
    }

    /// The contents of files written by others.
    func parts(_ names: [String]) throws -> FuzzParts {
        try names.map { Array(try Data(contentsOf: URL(fileURLWithPath: file($0)))) }
    }
}
