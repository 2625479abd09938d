import Glibc

/// The folders that were missing on the way to a place, made; to be taken away again when nothing comes to lie there.
public struct MadeFolders: Sendable {
    /// From the top down.
    private let paths: [String]

    /// Makes `path` and every folder above it that is missing.
    ///
    /// - Throws: `ArtifactError.system` naming the folder that cannot be made; then none is left.
    public init(upTo path: String) throws(ArtifactError) {
        var missing: [String] = []
        var folder = SystemCall.trimmingSlashes(path)
        while unsafe access(folder, F_OK) != 0, folder != ".", folder != "/" {
            missing.append(folder)
            folder = SystemCall.parent(of: folder)
        }
        var made: [String] = []
        for folder in missing.reversed() {
            // Somebody else may make it at the same time: then it is theirs.
            if unsafe mkdir(folder, 0o777) == 0 {
                made.append(folder)
                try? SystemCall.syncFolder(SystemCall.parent(of: folder))
            } else if errno != EEXIST {
                let code = errno
                Self.remove(made)
                throw .system(path: folder, operation: "create folder", code: code)
            }
        }
        paths = made
    }

    /// Removes those that are empty.
    public func remove() { Self.remove(paths) }

    private static func remove(_ paths: [String]) {
        for path in paths.reversed() { unsafe rmdir(path) }
    }
}
