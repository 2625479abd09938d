import Glibc

/// Standard output, for bytes.
public enum StandardOutput {
    /// - Throws: `ArtifactError.system` when nobody reads them any more, or the disk is full.
    public static func write(_ bytes: UnsafeRawBufferPointer) throws(ArtifactError) {
        try unsafe SystemCall.writeAll(bytes, to: STDOUT_FILENO, "standard output")
    }
}
