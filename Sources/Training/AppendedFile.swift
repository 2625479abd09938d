import Foundation

/// A log of whole lines that outlives the process: opened for appending, and mended where a line was cut off.
final class AppendedFile: Sendable {
    private let path: String
    private let handle: FileHandle
    /// Whether the file was empty or missing.
    let isNew: Bool

    /// Opens or makes the file. What follows its last line end, left by a process that died in the middle of a line,
    /// is cut off.
    init(path: String) throws(TrainingError) {
        self.path = path
        let descriptor = unsafe open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: unsafe String(cString: strerror(errno))) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let size = lseek(descriptor, 0, SEEK_END)
        isNew = size <= 0
        var end = size
        var byte: UInt8 = 0
        while end > 0, unsafe pread(descriptor, &byte, 1, end - 1) == 1, byte != UInt8(ascii: "\n") { end -= 1 }
        if end != size, ftruncate(descriptor, end) != 0 {
            throw .cannotWrite(path: path, reason: unsafe String(cString: strerror(errno)))
        }
    }

    func write(_ data: Data) throws(TrainingError) {
        do {
            try handle.write(contentsOf: data)
        } catch {
            throw .cannotWrite(path: path, reason: systemReason(error))
        }
    }
}

/// The system's words for what Foundation reports.
func systemReason(_ error: any Error) -> String {
    if (error as? CocoaError)?.code == .fileWriteNoPermission { return unsafe String(cString: strerror(EACCES)) }
    let error = error as NSError
    let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError ?? error
    return underlying.domain == NSPOSIXErrorDomain
        ? unsafe String(cString: strerror(Int32(underlying.code))) : error.localizedDescription
}
