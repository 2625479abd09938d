import Artifacts
import Basics
import Foundation
import Glibc

/// Some whole lines of a text.
@safe final class TextBlock: @unchecked Sendable {
    /// Room for the text, and for reading a few bytes behind it.
    fileprivate let memory: UnsafeMutableRawBufferPointer
    /// Bytes of whole lines; the last byte is a line feed.
    fileprivate(set) var byteCount = 0
    /// Bytes of the file that had been read when the block was full.
    fileprivate(set) var fileBytesRead = 0
    /// Whether the next line is longer than any may be.
    fileprivate(set) var precedesEndlessLine = false
    /// What ended the reading behind this block.
    fileprivate(set) var failure: (any Error)?

    static let byteCountMax = 2 * LinePlace.bytesMax
    private static let spareBytes = 64

    fileprivate init() {
        unsafe memory = .allocate(byteCount: Self.byteCountMax + Self.spareBytes, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe memory.deallocate() }

    /// The text; at least eight bytes behind it may be read.
    var text: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: memory[..<byteCount]) }
}

/// A text file cut into blocks of whole lines, read and decompressed by a thread of its own a few blocks ahead.
final class TextBlocks: @unchecked Sendable {
    private let condition = SteadyCondition()
    private let reader: DecompressingReader
    private var empty: [TextBlock]
    private var full: [TextBlock] = []
    private var reachedEnd = false
    private var isCancelled = false

    /// - Parameter count: blocks in memory.
    /// - Throws: `ArtifactError` when the file cannot be opened.
    init(path: String, count: Int) throws {
        precondition(count >= 2, "TextBlocks: \(count) blocks")
        reader = try DecompressingReader(path: Self.descriptorPath(path))
        empty = (0..<count).map { _ in TextBlock() }
        // Holds on to `self` until the reading has ended.
        Thread.detachNewThread { self.readAll() }
    }

    /// What messages call a file.
    static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

    /// Where a file can be opened: `-` is standard input.
    private static func descriptorPath(_ path: String) -> String { path == "-" ? "/dev/stdin" : path }

    /// The length of a file; nil when it cannot be told.
    static func fileBytes(_ path: String) -> Int? {
        var status = stat()
        guard unsafe stat(descriptorPath(path), &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// The blocks that are there, in order: at least one and at most `countMax`; none at the end.
    ///
    /// Give each back by `recycle`.
    func next(countMax: Int) -> [TextBlock] {
        condition.withLock {
            while full.isEmpty, !reachedEnd { condition.wait() }
            let blocks = Array(full.prefix(countMax))
            full.removeFirst(blocks.count)
            return blocks
        }
    }

    func recycle(_ blocks: [TextBlock]) {
        condition.withLock { empty += blocks }
        condition.broadcast()
    }

    /// Ends the reading: nobody will ask for more.
    func cancel() {
        condition.withLock { isCancelled = true }
        condition.broadcast()
    }

    private func readAll() {
        // What a block has of a line that does not end there.
        var rest: [UInt8] = []
        while let block = takeEmpty() {
            let isLast = fill(block, &rest)
            condition.withLock {
                full.append(block)
                reachedEnd = isLast
            }
            condition.broadcast()
            if isLast { return }
        }
    }

    /// Nil when nobody will ask.
    private func takeEmpty() -> TextBlock? {
        condition.withLock {
            while empty.isEmpty, !isCancelled { condition.wait() }
            return isCancelled ? nil : empty.removeLast()
        }
    }

    /// Fills a block; what follows its last line feed goes to `rest`.
    /// - Returns: whether it is the last.
    private func fill(_ block: TextBlock, _ rest: inout [UInt8]) -> Bool {
        var count = rest.count
        unsafe block.memory.copyBytes(from: rest)
        var reachedEnd = false
        (block.failure, block.precedesEndlessLine) = (nil, false)
        do {
            while count < TextBlock.byteCountMax, !reachedEnd {
                let room = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: block.memory[count..<TextBlock.byteCountMax])
                let made = try unsafe reader.read(into: room)
                reachedEnd = made == 0
                count += made
            }
        } catch {
            block.failure = error
        }
        block.fileBytesRead = reader.fileBytesRead
        if reachedEnd, count > 0, unsafe block.memory[count - 1] != UInt8(ascii: "\n") {
            // The last line need not end; there are spare bytes behind the text.
            unsafe block.memory[count] = UInt8(ascii: "\n")
            count += 1
        }
        let whole = unsafe Self.wholeLines(UnsafeRawBufferPointer(rebasing: block.memory[..<count]))
        rest = unsafe Array(block.memory[whole..<count])
        block.byteCount = whole
        block.precedesEndlessLine = block.failure == nil && rest.count >= LinePlace.bytesMax
        return reachedEnd || block.failure != nil || block.precedesEndlessLine
    }

    /// Bytes up to the last line feed, and with it.
    private static func wholeLines(_ bytes: UnsafeRawBufferPointer) -> Int {
        unsafe (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    }
}
