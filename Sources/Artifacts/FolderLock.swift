import Glibc

/// Keeps a folder for one process at a time, until the object goes, which it does with the process, however that ends.
///
/// The lock lies on the folder itself, not on a file in it: nothing is made, and a folder that is replaced in one step
/// takes its lock along.
public final class FolderLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `ArtifactError.malformed` when another process holds the folder, or has just replaced it.
    public init(path: String) throws(ArtifactError) {
        descriptor = try SystemCall.open(path, O_RDONLY | O_DIRECTORY)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK ? Self.inUse(path) : .system(path: path, operation: "lock", code: code)
        }
        var (ours, named) = (stat(), stat())
        guard unsafe fstat(descriptor, &ours) == 0, unsafe stat(path, &named) == 0, ours.st_ino == named.st_ino else {
            close(descriptor)
            throw Self.inUse(path)
        }
    }

    deinit { close(descriptor) }

    private static func inUse(_ path: String) -> ArtifactError {
        .malformed(
            path: path, problem: "in use", expected: "a folder that nobody else is changing",
            found: "another process at it", action: "Wait until that has ended")
    }
}
