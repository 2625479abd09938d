import Basics

/// The memory of one message: a frame for the header and one for each array, filled again for another batch once
/// nobody else holds a frame of it. Frames keep their memory, so that after a few batches nothing is allocated.
package final class MinibatchMemory {
    /// The header's, then one for each array.
    private var frames: [Frame]
    private var layers = [NeighborhoodRows.none, .none]

    package init(withFeatures: Bool) {
        frames = (0...MinibatchArray.count(withFeatures: withFeatures)).map { _ in Frame(byteCount: 0) }
    }

    /// Whether no batch and no message refers to it.
    var isFree: Bool {
        (layers[0], layers[1]) = (.none, .none)
        // A copy of the array that somebody holds makes this one another, and its frames shared.
        for index in frames.indices where !Frame.isFree(&frames[index]) { return false }
        return true
    }

    /// Gives it back to the kernel until the next batch is written there: all of it, or what is written last; but for
    /// arrays of less than 2 MB, which are worth less than the time to get them again.
    ///
    /// - Precondition: it is free.
    fileprivate func giveBack(whole: Bool) {
        let last = [MinibatchArray.pins, .boardCounts].map { frame(of: $0) }
        for frame in whole ? frames : last where frame.capacity >= 2 << 20 { frame.giveBack() }
    }

    /// The frame of an array.
    package func frame(of array: MinibatchArray) -> Frame { frames[array.rawValue + 1] }

    /// An array of so many elements, the first `kept` as they were. Asked for again, it has another size.
    package func array<Element>(_ array: MinibatchArray, count: Int, keeping kept: Int = 0) -> FrameArray<Element> {
        FrameArray(resizing: frame(of: array), count: count, keeping: kept)
    }

    /// Room for the features of so many rows.
    package func features(width: Int, precision: WirePrecision, rows: Int) -> InlineFeatures {
        let frame = frame(of: .features)
        frame.resize(byteCount: rows * width * precision.byteCount)
        return InlineFeatures(width: width, precision: precision, frame: frame)
    }

    /// Makes a batch of both layers lie in this memory.
    package func complete(_ batch: inout Minibatch, _ first: NeighborhoodRows, _ top: NeighborhoodRows) {
        (layers[0], layers[1]) = (first, top)
        (batch.neighborhoods, batch.message) = (layers, frames)
    }
}

/// Memory for as many messages as are under way at once.
package struct MinibatchPool {
    /// Memories that are kept. Beyond, each batch has its own.
    private static let countMax = 8
    private var memories: [MinibatchMemory] = []
    private let withFeatures: Bool

    package init(withFeatures: Bool) { self.withFeatures = withFeatures }

    /// Gives the memory of batches that are gone back to the kernel.
    ///
    /// - Parameter whole: all of it; else pins and board counts, two fifths of it, which a batch fills in the last tenth of
    ///   its time.
    /// - Returns: how many are not gone.
    package func giveBack(whole: Bool) -> Int {
        var busyCount = 0
        for memory in memories {
            if memory.isFree { memory.giveBack(whole: whole) } else { busyCount += 1 }
        }
        return busyCount
    }

    /// One that nobody uses.
    package mutating func take() -> MinibatchMemory {
        for memory in memories where memory.isFree { return memory }
        let memory = MinibatchMemory(withFeatures: withFeatures)
        if memories.count < Self.countMax { memories.append(memory) }
        return memory
    }
}

extension NeighborhoodRows {
    /// No lists; takes nothing.
    fileprivate static let none = NeighborhoodRows(
        offsets: FrameArray(count: 0), neighbors: FrameArray(count: 0), weights: FrameArray(count: 0))
}
