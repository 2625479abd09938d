import Glibc
import Kernels

/// A table of float32 rows in a mapped file without a name: as large as the disk allows, none of it on the heap.
///
/// The file is unlinked as soon as it is open, so it goes with the process however that ends; its space is
/// reserved at once, so that a full disk is an error here and not a fault at some later write.
@safe final class ScratchTable {
    /// All rows; valid while the table lives.
    let matrix: Matrix
    private let address: UnsafeMutableRawPointer
    private let byteCount: Int

    /// - Parameter folder: where the file lies while it lives.
    /// - Throws: `InferenceError.noSpace`.
    init(folder: String, rows: Int, columns: Int) throws {
        byteCount = max(1, rows * columns * MemoryLayout<Float>.size)
        let path = "\(folder)/table-\(columns)"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, byteCount, errno) }
        defer { close(descriptor) }
        unsafe unlink(path)
        let code = posix_fallocate(descriptor, 0, byteCount)
        guard code == 0 else { throw Self.failure(path, byteCount, code) }
        let mapped = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw Self.failure(path, byteCount, errno)
        }
        unsafe address = mapped
        unsafe matrix = Matrix(
            base: mapped.assumingMemoryBound(to: Float.self), rows: rows, columns: columns, stride: columns)
    }

    deinit {
        unsafe munmap(address, byteCount)
    }

    private static func failure(_ path: String, _ byteCount: Int, _ code: Int32) -> InferenceError {
        .noSpace(path: path, byteCount: byteCount, reason: unsafe String(cString: strerror(code)).lowercased())
    }
}
