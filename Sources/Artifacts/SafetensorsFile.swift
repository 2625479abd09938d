import Foundation

/// A `.safetensors` file of float32 tensors, mapped, with metadata strings and a checksum over all of it.
///
/// Layout: header length (u64), JSON header padded with spaces to a multiple of 8, data. Metadata key `checksum` is
/// the XXH64 of the whole file, taken with its own 16 digits as zeros; it is checked on opening.
/// - Source: the safetensors format, https://github.com/huggingface/safetensors (README, "Format").
@safe public final class SafetensorsFile: Sendable {
    /// One tensor of the file.
    public struct Tensor: Equatable, Sendable {
        public let name: String
        public let shape: [Int]
        public let elementCount: Int
        /// Where its bytes start in the file.
        let byteOffset: Int
    }

    public let path: String
    /// Every metadata string but the checksum.
    public let metadata: [String: String]
    /// In the order of their data.
    public let tensors: [Tensor]
    private let file: MappedFile

    /// Opens and checks a file: header, shapes, offsets, length and checksum.
    ///
    /// - Throws: `ArtifactError` naming the path and what was expected and found.
    /// - Complexity: O(bytes): the checksum reads everything once.
    public init(path: String) throws(ArtifactError) {
        self.path = path
        file = try MappedFile(path: path, advice: .sequential)
        let header = try unsafe SafetensorsHeader(file.bytes, path: path)
        tensors = header.tensors
        guard header.byteCount == file.byteCount else {
            throw .wrongLength(path: path, expectedBytes: header.byteCount, foundBytes: file.byteCount)
        }
        var metadata = header.metadata
        guard let expected = metadata.removeValue(forKey: "checksum"),
            let digits = unsafe Self.digitsOffset(UnsafeRawBufferPointer(rebasing: file.bytes[..<header.dataOffset]))
        else {
            throw .malformed(
                path: path, problem: "no checksum", expected: "metadata 'checksum' of 16 hexadecimal digits",
                found: "none", action: "Write the file again")
        }
        let found = unsafe Self.checksum(file.bytes, digitsOffset: digits)
        guard found == expected else {
            throw .checksumMismatch(path: path, expected: expected, found: found)
        }
        self.metadata = metadata
    }

    public func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }

    /// A tensor's elements in C order, valid while this object lives.
    public func elements(of tensor: Tensor) -> UnsafeBufferPointer<Float> {
        let end = tensor.byteOffset + tensor.elementCount * 4
        return unsafe UnsafeRawBufferPointer(rebasing: file.bytes[tensor.byteOffset..<end])
            .assumingMemoryBound(to: Float.self)
    }

    /// A tensor's elements, which must have this shape.
    ///
    /// - Throws: `ArtifactError.malformed` when the tensor is missing or has another shape.
    public func elements(_ name: String, shape: [Int]) throws(ArtifactError) -> UnsafeBufferPointer<Float> {
        guard let tensor = tensor(name), tensor.shape == shape else {
            let found = tensor(name).map { NumpyHeader.text($0.shape) } ?? "no such tensor"
            throw .malformed(
                path: path, problem: "tensor \(name)", expected: "shape \(NumpyHeader.text(shape))", found: found,
                action: "Use a file written for this model")
        }
        return unsafe elements(of: tensor)
    }

    /// XXH64 of the bytes with the 16 at `digitsOffset` as zero digits, in hexadecimal.
    private static func checksum(_ bytes: UnsafeRawBufferPointer, digitsOffset: Int) -> String {
        var hash = XXH64()
        unsafe hash.update(UnsafeRawBufferPointer(rebasing: bytes[..<digitsOffset]))
        unsafe noDigits.withUnsafeBytes { unsafe hash.update($0) }
        unsafe hash.update(UnsafeRawBufferPointer(rebasing: bytes[(digitsOffset + 16)...]))
        return Checksum.hex(hash.value)
    }

    /// Where the checksum's digits stand in a header, or nil.
    private static func digitsOffset(_ header: UnsafeRawBufferPointer) -> Int? {
        let bytes = unsafe Array(header)
        guard let match = bytes.firstRange(of: checksumKey), bytes.count - match.upperBound >= 17,
            bytes[match.upperBound + 16] == UInt8(ascii: "\"")
        else { return nil }
        return match.upperBound
    }

    private static let checksumKey = Array("\"checksum\":\"".utf8)
    private static let noDigits = Array(repeating: UInt8(ascii: "0"), count: 16)
}

extension SafetensorsFile {
    /// Writes tensors and metadata, whole or not at all. Same input, same bytes.
    ///
    /// - Parameters:
    ///   - tensors: each with as many elements as its shape says.
    ///   - metadata: any strings; the key `checksum` is this type's own.
    public static func write(
        path: String, tensors: [(name: String, shape: [Int], elements: UnsafeBufferPointer<Float>)],
        metadata: [String: String]
    ) throws(ArtifactError) {
        precondition(metadata["checksum"] == nil, "SafetensorsFile: metadata 'checksum' is reserved")
        var header = headerBytes(unsafe tensors.map { unsafe ($0.name, $0.shape, $0.elements.count) }, metadata)
        guard let digits = unsafe header.withUnsafeBytes({ unsafe digitsOffset($0) }) else {
            preconditionFailure("SafetensorsFile: the header lacks its checksum")
        }
        var hash = XXH64()
        unsafe header.withUnsafeBytes { unsafe hash.update($0) }
        for index in unsafe tensors.indices { unsafe hash.update(UnsafeRawBufferPointer(tensors[index].elements)) }
        header.replaceSubrange(digits..<(digits + 16), with: Array(Checksum.hex(hash.value).utf8))

        let writer = try FileWriter(replacing: path)
        try unsafe header.withUnsafeBytesThrowing { bytes throws(ArtifactError) in try unsafe writer.write(bytes) }
        for index in unsafe tensors.indices { try unsafe writer.write(tensors[index].elements) }
        try writer.commit()
    }

    /// Length and JSON, padded, with zeros for the checksum's digits.
    private static func headerBytes(
        _ tensors: [(name: String, shape: [Int], count: Int)], _ metadata: [String: String]
    ) -> [UInt8] {
        // The checksum comes first, so that no other text can be taken for it.
        var fields = ["\"checksum\":\"0000000000000000\""]
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            fields.append("\(quoted(key)):\(quoted(value))")
        }
        var entries = ["\"__metadata__\":{\(fields.joined(separator: ","))}"]
        var offset = 0
        for (name, shape, count) in tensors {
            precondition(
                count == shape.reduce(1, *), "SafetensorsFile: tensor \(name) \(shape) has \(count) elements")
            let end = offset + count * 4
            let sizes = shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(sizes)],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var json = Array("{\(entries.joined(separator: ","))}".utf8)
        json += Array(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> ($0 * 8)) } + json
    }

    /// A JSON string literal.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{0}"..<"\u{20}":
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
