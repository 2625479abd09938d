import Artifacts
import Basics

/// A minibatch as frames and back, without copying an array.
///
/// Frame 0 is a `MinibatchHeader`; then one frame for each array, in this order: pins (u32); board counts (u32); offsets (i32), neighbours
/// (i32) and weights (f32) of layer 1, then of layer 2; queries, positives, shared negatives, hard negatives (i32);
/// features (f32 or f16) where they travel.
public enum MinibatchCodec {
    /// The batch as frames; those of the arrays are the batch's own. Allocates nothing for a batch that lies in
    /// memory of a message: see `Minibatch.message`.
    ///
    /// - Parameter sampler: who made it, for the trainer's logs.
    /// - Precondition: the batch has two layers, and `sampler` has at most 256 bytes and no control characters.
    public static func encode(_ batch: Minibatch, sampler: String) -> [Frame] {
        precondition(batch.neighborhoods.count == 2, "MinibatchCodec: \(batch.neighborhoods.count) layers, not 2")
        precondition(
            sampler.utf8.count <= MinibatchHeader.samplerNameBytesMax && isPlain(sampler),
            "MinibatchCodec: bad sampler name of \(sampler.utf8.count) bytes")
        let header = MinibatchHeader(of: batch, sampler: sampler)
        if batch.isWhole(batch.message) {
            header.write(toFirstOf: batch.message)
            return batch.message
        }
        let count = MinibatchArray.count(withFeatures: batch.features != nil)
        let message = [Frame(byteCount: 0)] + MinibatchArray.allCases.prefix(count).map { batch.frame(of: $0) }
        header.write(toFirstOf: message)
        return message
    }

    /// The header alone: enough to tell which batch it is, and from whom.
    ///
    /// - Throws: `MinibatchError`.
    public static func header(of frames: [Frame]) throws(MinibatchError) -> MinibatchHeader {
        guard let first = frames.first else {
            throw .frameCount(expected: MinibatchArray.allCases.count, found: 0)
        }
        return try MinibatchHeader(decoding: first)
    }

    /// The batch that the frames hold. Nothing is used before it is checked, and nothing is allocated but for a frame
    /// whose bytes are not aligned, which is copied.
    ///
    /// - Throws: `MinibatchError` for the first fault.
    public static func decode(_ frames: [Frame], limits: MinibatchLimits) throws(MinibatchError) -> Minibatch {
        let header = try header(of: frames)
        guard header.recipe == limits.recipe else {
            throw .foreignRecipe(expected: limits.recipe, found: header.recipe)
        }
        guard frames.count == header.frames.count + 1 else {
            throw .frameCount(expected: header.frames.count + 1, found: frames.count)
        }
        let byteCount = frames.reduce(0) { $0 + $1.byteCount }
        guard byteCount <= limits.byteCountMax else {
            throw .tooLarge(byteCountMax: limits.byteCountMax, byteCount: byteCount)
        }
        for (array, digest) in zip(MinibatchArray.allCases, header.frames) {
            let frame = frames[array.rawValue + 1]
            guard frame.byteCount == digest.byteCount else {
                throw .frameLength(
                    array: array.name, expectedBytes: Int(digest.byteCount), foundBytes: frame.byteCount)
            }
            guard MinibatchHeader.FrameDigest(of: frame) == digest else { throw .checksum(array: array.name) }
        }
        let batch = assemble(header, Array(frames.dropFirst()).map(aligned))
        try batch.validate(limits)
        return batch
    }

    /// - Precondition: each frame holds a whole number of elements, aligned.
    private static func assemble(_ header: MinibatchHeader, _ frames: [Frame]) -> Minibatch {
        func array<Element>(_ array: MinibatchArray) -> FrameArray<Element> {
            FrameArray(frame: frames[array.rawValue])
        }
        return Minibatch(
            batchIndex: header.batchIndex, recipe: header.recipe, targetCount: header.targetCount,
            hiddenCount: header.hiddenCount, pins: array(.pins), boardCounts: array(.boardCounts),
            neighborhoods: [
                NeighborhoodRows(
                    offsets: array(.offsets1), neighbors: array(.neighbors1), weights: array(.weights1)),
                NeighborhoodRows(
                    offsets: array(.offsets2), neighbors: array(.neighbors2), weights: array(.weights2)),
            ],
            queries: array(.queries), positives: array(.positives), sharedNegatives: array(.sharedNegatives),
            hardNegatives: array(.hardNegatives),
            features: header.featureWidth == 0
                ? nil
                : InlineFeatures(
                    width: header.featureWidth, precision: header.featureBytes == 2 ? .float16 : .float32,
                    frame: frames[MinibatchArray.features.rawValue]),
            table: header.table, coSavedCount: header.coSavedCount)
    }

    /// The frame, or a copy of it where its bytes do not start at a multiple of an element's size.
    private static func aligned(_ frame: Frame) -> Frame {
        let address = unsafe UInt(bitPattern: frame.bytes.baseAddress)
        if address.isMultiple(of: UInt(MinibatchArray.elementBytes)) { return frame }
        let copy = Frame(byteCount: frame.byteCount)
        unsafe copy.bytes.copyMemory(from: UnsafeRawBufferPointer(frame.bytes))
        return copy
    }
}

extension Minibatch {
    package func frame(of array: MinibatchArray) -> Frame {
        switch array {
        case .pins: pins.frame
        case .boardCounts: boardCounts.frame
        case .offsets1: neighborhoods[0].offsets.frame
        case .neighbors1: neighborhoods[0].neighbors.frame
        case .weights1: neighborhoods[0].weights.frame
        case .offsets2: neighborhoods[1].offsets.frame
        case .neighbors2: neighborhoods[1].neighbors.frame
        case .weights2: neighborhoods[1].weights.frame
        case .queries: queries.frame
        case .positives: positives.frame
        case .sharedNegatives: sharedNegatives.frame
        case .hardNegatives: hardNegatives.frame
        case .features: features?.frame ?? Frame(byteCount: 0)
        }
    }

    /// Whether frames are a header's and those of all arrays, in order.
    fileprivate func isWhole(_ message: [Frame]) -> Bool {
        guard message.count == 1 + MinibatchArray.count(withFeatures: features != nil) else { return false }
        for index in 1..<message.count {
            guard let array = MinibatchArray(rawValue: index - 1), frame(of: array) === message[index] else {
                return false
            }
        }
        return true
    }
}
