import Basics
import Kernels

/// How all pins are cut into shards, and messages into slices of columns. Neither changes a bit of the result.
///
/// Shard i holds the pins `rows(of: i)`: consecutive ranges of equal length, a multiple of `rowMultiple`, so that shard
/// files of any width fill whole pages. The last shards may be shorter or empty.
public struct ShardPlan: Equatable, Sendable {
    public static let rowMultiple = 1024
    /// Slices are multiples of this many columns wide: a cache line.
    static let columnMultiple = 16

    public let pinCount: Int
    public let shardCount: Int
    /// Most slices of columns that messages are cut into, 1 or more.
    public let sliceCount: Int

    /// - Precondition: at least one shard and one slice.
    public init(pinCount: Int, shardCount: Int, sliceCount: Int = 1) {
        precondition(
            pinCount >= 0 && shardCount > 0 && sliceCount > 0,
            "ShardPlan: \(pinCount) pins, \(shardCount) shards, \(sliceCount) slices")
        self.pinCount = pinCount
        self.shardCount = shardCount
        self.sliceCount = sliceCount
    }

    /// Pins of shard `index`.
    public func rows(of index: Int) -> Range<Int> {
        precondition(index >= 0 && index < shardCount, "ShardPlan: shard \(index) of \(shardCount)")
        let shard = (pinCount + shardCount - 1) / shardCount
        let size = (shard + Self.rowMultiple - 1) / Self.rowMultiple * Self.rowMultiple
        return min(index * size, pinCount)..<min((index + 1) * size, pinCount)
    }

    /// The columns of each slice, for messages of `width` columns.
    package func slices(width: Int) -> [Range<Int>] {
        let size = max(1, ((width + sliceCount - 1) / sliceCount + Self.columnMultiple - 1) / Self.columnMultiple)
        return stride(from: 0, to: width, by: size * Self.columnMultiple).map {
            $0..<min($0 + size * Self.columnMultiple, width)
        }
    }
}

extension ShardPlan {
    /// Pins of a shard where nothing asks for larger or smaller ones: a kill costs seconds.
    private static let rowsPreferred = 1 << 18
    /// The least memory that a limit may leave.
    public static let memoryBytesMin = 128 << 20

    /// A plan for one machine.
    ///
    /// Pooling reads rows of the message table all over: it, or a slice of it, shall stay in three eighths of the memory,
    /// and the pooled rows of a shard, which are on the heap until the last slice, in an eighth.
    /// - Parameters:
    ///   - width: columns of a message.
    ///   - shardCount: the fewest shards; nil leaves it to the plan.
    ///   - memoryBytes: nil does without slices.
    package init(pinCount: Int, width: Int, shardCount: Int?, memoryBytes: Int?) {
        let wanted = shardCount ?? max(1, (pinCount + Self.rowsPreferred - 1) / Self.rowsPreferred)
        let rowBytes = width * MemoryLayout<Float>.size
        guard let memoryBytes, pinCount * rowBytes > Self.tableBytes(of: memoryBytes) else {
            self.init(pinCount: pinCount, shardCount: wanted)
            return
        }
        let columnsThatFit = Self.tableBytes(of: memoryBytes) / (pinCount * MemoryLayout<Float>.size)
        let columns = max(Self.columnMultiple, columnsThatFit / Self.columnMultiple * Self.columnMultiple)
        let pooledRows = max(Self.rowMultiple, memoryBytes / 8 / rowBytes / Self.rowMultiple * Self.rowMultiple)
        let fewest = (pinCount + pooledRows - 1) / pooledRows
        // Every shard passes over the whole table: no more of them than the memory asks for.
        self.init(
            pinCount: pinCount, shardCount: max(shardCount ?? 1, fewest), sliceCount: (width + columns - 1) / columns)
    }

    /// Of a limit, what the message table or a slice of it may take.
    private static func tableBytes(of memoryBytes: Int) -> Int { memoryBytes / 8 * 3 }

    /// Whether every pin's message, uncut, may lie on the heap: in its part of the memory, or, where that has no limit,
    /// in a quarter of the machine's, since the kernel cannot take it back as it can mapped pages.
    package func keepsMessages(width: Int, memoryBytes: Int?) -> Bool {
        let most = memoryBytes.map { Self.tableBytes(of: $0) } ?? MachineMemory.byteCount / 4
        return sliceCount == 1 && pinCount * width * MemoryLayout<Float>.size <= most
    }

    /// Lanes of `laneBytes` each for so many threads: as many as a sixteenth of the memory holds, or 1 GB where it has
    /// no limit; one at least.
    package static func laneCount(threads: Int, laneBytes: Int, memoryBytes: Int?) -> Int {
        min(threads, max(1, (memoryBytes.map { $0 / 16 } ?? 1 << 30) / laneBytes))
    }
}

/// One shard of a number of shards, as `3/16`; the first is 0.
public struct ShardNumber: Equatable, Sendable, CustomStringConvertible {
    public let index: Int
    public let count: Int

    /// Nil unless it reads `INDEX/COUNT` with 0 ≤ INDEX < COUNT ≤ 99,999.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], (1...99_999).contains(count),
            (0..<count).contains(index)
        else { return nil }
        self.init(index: index, count: count)
    }

    init(index: Int, count: Int) {
        self.index = index
        self.count = count
    }

    public var description: String { "\(index)/\(count)" }
    /// `00003-of-00016`.
    package var folderName: String { "\(zeroPadded(index, 5))-of-\(zeroPadded(count, 5))" }
}
