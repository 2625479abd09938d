import Artifacts
import Basics

/// The first frame of a batch: what the batch is, and length and checksum of each frame that follows.
///
/// Little-endian, no padding:
///
///      0  magic "PSBATCH\n"            40  pin count u32                   64  layer 1 neighbours u32
///      8  version u32                  44  pair count u32                  68  layer 2 neighbours u32
///     12  array frames n u32           48  shared negatives u32            72  feature width u32, 0: none travel
///     16  batch index u64              52  hard negatives u32              76  length of the sampler's name u32
///     24  recipe u64                   56  target count u32                80  table of hard negatives u64, 0: none
///     32  byte count, all arrays u64   60  hidden count u32                88  hard negatives sharing a board u32
///
///     92  bytes of a feature u32: 4, 2 (float16) or 0      96  n × (byte count u64, xxh64 u64)
///      …  name, UTF-8; then xxh64 of all before
public struct MinibatchHeader: Equatable, Sendable {
    public var batchIndex: UInt64
    public var recipe: UInt64
    public var pinCount: Int
    public var pairCount: Int
    public var sharedNegativeCount: Int
    public var hardNegativeCount: Int
    public var targetCount: Int
    public var hiddenCount: Int
    /// Entries of all lists of layer 1.
    public var neighborCount1: Int
    /// Entries of all lists of layer 2.
    public var neighborCount2: Int
    /// 0 when no features travel.
    public var featureWidth: Int
    /// Bytes of one feature: 4, or 2 for float16; 0 when none travel.
    public var featureBytes: Int
    /// Fingerprint of the table that the hard negatives are from; 0: from none.
    public var table: UInt64
    /// How many of the hard negatives share a board with their query.
    public var coSavedCount: Int
    /// Who made the batch; for logs.
    public var sampler: String
    /// One for each array frame, in order.
    package var frames: [FrameDigest]

    package struct FrameDigest: Equatable, Sendable {
        package var byteCount: UInt64
        package var checksum: UInt64

        package init(of frame: Frame) {
            byteCount = UInt64(frame.byteCount)
            checksum = unsafe Checksum.xxh64(UnsafeRawBufferPointer(frame.bytes))
        }

        init(byteCount: UInt64, checksum: UInt64) {
            self.byteCount = byteCount
            self.checksum = checksum
        }
    }

    package static let magic = Array("PSBATCH\n".utf8)
    package static let version = 4
    package static let fixedBytes = 96
    package static let samplerNameBytesMax = 256
    /// So that no product of counts overflows.
    static let featureWidthMax = 1 << 24

    /// Elements of `array`, as the counts say; at most 2⁵⁶.
    func elementCount(of array: MinibatchArray) -> Int {
        switch array {
        case .pins, .boardCounts: pinCount
        case .offsets1: hiddenCount + 1
        case .neighbors1, .weights1: neighborCount1
        case .offsets2: targetCount + 1
        case .neighbors2, .weights2: neighborCount2
        case .queries, .positives: pairCount
        case .sharedNegatives: sharedNegativeCount
        case .hardNegatives: hardNegativeCount
        case .features: pinCount * featureWidth
        }
    }

    /// Bytes of an element of `array`.
    private func elementBytes(of array: MinibatchArray) -> Int {
        array == .features ? featureBytes : MinibatchArray.elementBytes
    }

    /// The header of a batch, but for the frames' digests.
    init(of batch: Minibatch, sampler: String) {
        batchIndex = batch.batchIndex
        recipe = batch.recipe
        pinCount = batch.pinCount
        pairCount = batch.pairCount
        sharedNegativeCount = batch.sharedNegatives.count
        hardNegativeCount = batch.hardNegatives.count
        targetCount = batch.targetCount
        hiddenCount = batch.hiddenCount
        neighborCount1 = batch.neighborhoods[0].neighbors.count
        neighborCount2 = batch.neighborhoods[1].neighbors.count
        featureWidth = batch.features?.width ?? 0
        featureBytes = batch.features?.precision.byteCount ?? 0
        table = batch.table
        coSavedCount = batch.coSavedCount
        self.sampler = sampler
        frames = []
    }

    /// The header as the bytes of a frame.
    package func encoded() -> [UInt8] {
        let frame = Frame(byteCount: 0)
        write(to: frame, frames.count) { frames[$0] }
        return unsafe Array(frame.bytes)
    }

    /// Writes the header of a message of these frames into the first of them.
    ///
    /// - Complexity: O(bytes): the frames' checksums; allocates only while the first frame grows.
    func write(toFirstOf message: [Frame]) {
        write(to: message[0], message.count - 1) { FrameDigest(of: message[$0 + 1]) }
    }

    private func write(to frame: Frame, _ frameCount: Int, digest: (Int) -> FrameDigest) {
        let end = Self.fixedBytes + 16 * frameCount + sampler.utf8.count
        frame.resize(byteCount: end + 8)
        var at = 0
        func append(_ value: some FixedWidthInteger) {
            let size = value.bitWidth / 8
            unsafe frame.bytes.storeBytes(of: value.littleEndian, toByteOffset: at, as: type(of: value))
            at += size
        }
        for byte in Self.magic { append(byte) }
        append(UInt32(Self.version))
        append(UInt32(frameCount))
        append(batchIndex)
        append(recipe)
        let totalAt = at
        append(UInt64(0))
        append(UInt32(pinCount))
        append(UInt32(pairCount))
        append(UInt32(sharedNegativeCount))
        append(UInt32(hardNegativeCount))
        append(UInt32(targetCount))
        append(UInt32(hiddenCount))
        append(UInt32(neighborCount1))
        append(UInt32(neighborCount2))
        append(UInt32(featureWidth))
        append(UInt32(sampler.utf8.count))
        append(table)
        append(UInt32(coSavedCount))
        append(UInt32(featureBytes))
        var total: UInt64 = 0
        for index in 0..<frameCount {
            let digest = digest(index)
            total += digest.byteCount
            append(digest.byteCount)
            append(digest.checksum)
        }
        for byte in sampler.utf8 { append(byte) }
        unsafe frame.bytes.storeBytes(of: total.littleEndian, toByteOffset: totalAt, as: UInt64.self)
        append(unsafe Checksum.xxh64(UnsafeRawBufferPointer(rebasing: frame.bytes[..<end])))
    }

    /// Reads a header frame and checks all that can be checked without the arrays.
    ///
    /// - Throws: `MinibatchError.malformed`, `.version`, `.checksum` or `.frameLength`.
    public init(decoding frame: Frame) throws(MinibatchError) {
        let bytes = LittleEndianBytes(frame)
        guard frame.byteCount >= Self.fixedBytes + 8 else {
            throw .malformed(
                field: "header", expected: "at least \(Self.fixedBytes + 8) bytes", found: "\(frame.byteCount)")
        }
        guard Self.magic.indices.allSatisfy({ bytes.byte($0) == Self.magic[$0] }) else {
            throw .malformed(field: "header", expected: "the magic of a minibatch", found: "other bytes")
        }
        let version = Int(bytes.u32(8))
        guard version == Self.version else { throw .version(expected: Self.version, found: version) }
        let frameCount = Int(bytes.u32(12))
        let nameBytes = Int(bytes.u32(76))
        let arrayCount = MinibatchArray.allCases.count
        guard frameCount == arrayCount || frameCount == arrayCount - 1 else {
            throw .malformed(
                field: "header array frames", expected: "\(arrayCount - 1) or \(arrayCount)", found: "\(frameCount)")
        }
        guard nameBytes <= Self.samplerNameBytesMax else {
            throw .malformed(
                field: "header sampler name", expected: "at most \(Self.samplerNameBytesMax) bytes",
                found: "\(nameBytes)")
        }
        let nameStart = Self.fixedBytes + 16 * frameCount
        let end = nameStart + nameBytes
        guard frame.byteCount == end + 8 else {
            throw .frameLength(array: "header", expectedBytes: end + 8, foundBytes: frame.byteCount)
        }
        guard bytes.checksum(upTo: end) == bytes.u64(end) else { throw .checksum(array: "header") }
        guard let name = bytes.plainText(nameStart..<end) else {
            throw .malformed(field: "header sampler name", expected: "plain text", found: "other bytes")
        }
        batchIndex = bytes.u64(16)
        recipe = bytes.u64(24)
        pinCount = Int(bytes.u32(40))
        pairCount = Int(bytes.u32(44))
        sharedNegativeCount = Int(bytes.u32(48))
        hardNegativeCount = Int(bytes.u32(52))
        targetCount = Int(bytes.u32(56))
        hiddenCount = Int(bytes.u32(60))
        neighborCount1 = Int(bytes.u32(64))
        neighborCount2 = Int(bytes.u32(68))
        featureWidth = Int(bytes.u32(72))
        featureBytes = Int(bytes.u32(92))
        table = bytes.u64(80)
        coSavedCount = Int(bytes.u32(88))
        sampler = name
        frames = (0..<frameCount).map { index in
            let at = Self.fixedBytes + 16 * index
            return FrameDigest(byteCount: bytes.u64(at), checksum: bytes.u64(at + 8))
        }
        try checkLengths(total: bytes.u64(32))
    }

    /// The frames' lengths must follow from the counts: said twice, so that neither can be wrong alone.
    private func checkLengths(total: UInt64) throws(MinibatchError) {
        guard featureWidth <= Self.featureWidthMax,
            (featureWidth > 0) == (frames.count == MinibatchArray.allCases.count)
        else {
            throw .malformed(
                field: "header feature width", expected: "\(frames.count) array frames to agree",
                found: "\(featureWidth)")
        }
        guard featureBytes == 0 ? featureWidth == 0 : featureWidth > 0 && [2, 4].contains(featureBytes) else {
            throw .malformed(
                field: "header feature bytes", expected: featureWidth > 0 ? "2 or 4" : "0", found: "\(featureBytes)")
        }
        var sum = 0
        for (array, frame) in zip(MinibatchArray.allCases, frames) {
            let expected = elementCount(of: array) * elementBytes(of: array)
            guard frame.byteCount == expected else {
                throw .frameLength(
                    array: array.name, expectedBytes: expected, foundBytes: Int(clamping: frame.byteCount))
            }
            sum += expected
        }
        guard total == sum else {
            throw .malformed(field: "header byte count", expected: "\(sum)", found: "\(total)")
        }
    }
}

/// Numbers and text at places of a frame that were checked to lie inside it.
private struct LittleEndianBytes {
    private let frame: Frame

    init(_ frame: Frame) { self.frame = frame }

    func byte(_ at: Int) -> UInt8 { unsafe frame.bytes[at] }
    func u32(_ at: Int) -> UInt32 {
        UInt32(littleEndian: unsafe frame.bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }
    func u64(_ at: Int) -> UInt64 {
        UInt64(littleEndian: unsafe frame.bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    func checksum(upTo end: Int) -> UInt64 {
        unsafe Checksum.xxh64(UnsafeRawBufferPointer(rebasing: frame.bytes[..<end]))
    }

    /// The text, unless it is no UTF-8 or would not print on one line.
    func plainText(_ range: Range<Int>) -> String? {
        let text = String(validating: range.map { byte($0) }, as: UTF8.self)
        return text.flatMap { isPlain($0) ? $0 : nil }
    }
}

/// Whether a text from outside may stand in a log line: it holds no control characters.
func isPlain(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .format: false
        default: true
        }
    }
}
