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
///     92  n × (byte count u64, xxh64 u64)                  …   name, UTF-8; then xxh64 of all before
public struct MinibatchHeader: Equatable, Sendable {
    public var batchIndex: UInt64
    public var recipe: UInt64
    public var pinCount: Int
    public var pairCount: Int
    public var sharedNegativeCount: Int
    public var hardNegativeCount: Int
    public var targetCount: Int
    public var hiddenCount: Int
    /// Entries of all lists of layer 1 and of layer 2.
    public var neighborCounts: [Int]
    /// 0 when no features travel.
    public var featureWidth: Int
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
    package static let version = 3
    package static let fixedBytes = 92
    package static let samplerNameBytesMax = 256
    /// So that no product of counts overflows.
    static let featureWidthMax = 1 << 24

    /// Elements of `array`, as the counts say; at most 2⁵⁶.
    func elementCount(of array: MinibatchArray) -> Int {
        switch array {
        case .pins, .boardCounts: pinCount
        case .offsets1: hiddenCount + 1
        case .neighbors1, .weights1: neighborCounts[0]
        case .offsets2: targetCount + 1
        case .neighbors2, .weights2: neighborCounts[1]
        case .queries, .positives: pairCount
        case .sharedNegatives: sharedNegativeCount
        case .hardNegatives: hardNegativeCount
        case .features: pinCount * featureWidth
        }
    }

    init(of batch: Minibatch, sampler: String, frames: [Frame]) {
        batchIndex = batch.batchIndex
        recipe = batch.recipe
        pinCount = batch.pinCount
        pairCount = batch.pairCount
        sharedNegativeCount = batch.sharedNegatives.count
        hardNegativeCount = batch.hardNegatives.count
        targetCount = batch.targetCount
        hiddenCount = batch.hiddenCount
        neighborCounts = batch.neighborhoods.map(\.neighbors.count)
        featureWidth = batch.features?.width ?? 0
        table = batch.table
        coSavedCount = batch.coSavedCount
        self.sampler = sampler
        self.frames = frames.map { FrameDigest(of: $0) }
    }

    /// The header as the bytes of a frame.
    package func encoded() -> [UInt8] {
        var bytes = Self.magic
        func append(_ value: some FixedWidthInteger) {
            unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        append(UInt32(Self.version))
        append(UInt32(frames.count))
        append(batchIndex)
        append(recipe)
        append(frames.reduce(UInt64(0)) { $0 + $1.byteCount })
        let name = Array(sampler.utf8)
        let counts = [
            pinCount, pairCount, sharedNegativeCount, hardNegativeCount, targetCount, hiddenCount, neighborCounts[0],
            neighborCounts[1], featureWidth, name.count,
        ]
        for count in counts { append(UInt32(count)) }
        append(table)
        append(UInt32(coSavedCount))
        for frame in frames {
            append(frame.byteCount)
            append(frame.checksum)
        }
        bytes += name
        append(unsafe bytes.withUnsafeBytes { unsafe Checksum.xxh64($0) })
        return bytes
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
        neighborCounts = [Int(bytes.u32(64)), Int(bytes.u32(68))]
        featureWidth = Int(bytes.u32(72))
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
        var sum = 0
        for (array, frame) in zip(MinibatchArray.allCases, frames) {
            let expected = elementCount(of: array) * MinibatchArray.elementBytes
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
