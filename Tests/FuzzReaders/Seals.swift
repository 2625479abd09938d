import Artifacts
import CCompression
import TestSupport

/// Lengths and checksums made right again in bytes that were changed.
enum Seal {
    static func xxh64(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { Checksum.xxh64($0) } }

    /// Little-endian bytes.
    static func bytes(_ value: UInt64, count: Int = 8) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    /// Every part by itself.
    static func each(_ seal: @escaping ([UInt8]) -> [UInt8]) -> (FuzzParts) -> FuzzParts { { $0.map(seal) } }

    /// A minibatch's frames: lengths and checksums of the arrays in the header, and the header's own.
    static func minibatch(_ frames: FuzzParts) -> FuzzParts {
        guard var header = frames.first, header.count >= 104 else { return frames }
        var total: UInt64 = 0
        for (index, frame) in frames.dropFirst().enumerated() {
            total += UInt64(frame.count)
            let at = 96 + 16 * index
            guard at + 16 <= header.count - 8 else { break }
            header.replaceSubrange(at..<(at + 16), with: bytes(UInt64(frame.count)) + bytes(xxh64(frame)))
        }
        header.replaceSubrange(32..<40, with: bytes(total))
        let body = Array(header.dropLast(8))
        return [body + bytes(xxh64(body))] + frames.dropFirst()
    }

    /// Bytes that end with the checksum of those before.
    static func trailing(_ frame: [UInt8]) -> [UInt8] {
        let body = Array(frame.dropLast(8))
        return body + bytes(xxh64(body))
    }

    /// A `.npy` file: the header's length as far as its line goes, and data as long as a small shape says.
    static func numpy(_ file: [UInt8]) -> [UInt8] {
        guard file.count > 12, let end = file[10...].firstIndex(of: 10), end - 9 <= 0xFFFF else { return file }
        var file = file
        let start = file[6] == 1 ? 10 : 12
        guard end >= start else { return file }
        file.replaceSubrange(8..<start, with: bytes(UInt64(end + 1 - start), count: start - 8))
        let header = try? file.withUnsafeBytes { try NumpyHeader($0, path: "") }
        guard let header, header.dataBytes <= 1 << 16 else { return file }
        let length = header.dataOffset + header.dataBytes
        let filling = Array(repeating: UInt8(0), count: max(length - file.count, 0))
        return Array((file + filling)[..<length])
    }

    /// A `.safetensors` file: the JSON padded to a multiple of 8, its length, and the checksum.
    static func safetensors(_ file: [UInt8]) -> [UInt8] {
        guard file.count > 8, let end = endOfObject(file, from: 8) else { return file }
        let json = Array(file[8..<end])
        let blanks = file[end...].prefix { $0 == 32 }.count
        let padding = Array(repeating: UInt8(32), count: (8 - json.count % 8) % 8)
        let head = json + padding
        var sealed = bytes(UInt64(head.count)) + head + file[(end + blanks)...]
        guard let start = place(after: "\"checksum\":\"", in: sealed, from: 0), sealed.count >= start + 16
        else { return sealed }
        let digits = start..<(start + 16)
        sealed.replaceSubrange(digits, with: Array(repeating: 48, count: 16))
        sealed.replaceSubrange(digits, with: Array(Checksum.hex(xxh64(sealed)).utf8))
        return sealed
    }

    /// The end of the JSON object that starts at `start`.
    private static func endOfObject(_ bytes: [UInt8], from start: Int) -> Int? {
        var depth = 0
        var isInString = false
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\\") where isInString: at += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: "{") where !isInString: depth += 1
            case UInt8(ascii: "}") where !isInString:
                depth -= 1
                if depth <= 0 { return at + 1 }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// A folder: length and checksum of each file in the manifest, which is the first part, and the fingerprint.
    static func folder(_ parts: FuzzParts, names: [String]) -> FuzzParts {
        guard var manifest = parts.first else { return parts }
        var lines: [String] = []
        for (index, name) in names.enumerated() where index > 0 && index < parts.count {
            let digits = Checksum.hex(xxh64(parts[index]))
            guard let entry = place(after: "\"\(name)\" : {", in: manifest, from: 0) else { continue }
            replace(&manifest, after: "\"bytes\" : ", from: entry, with: "\(parts[index].count)")
            replace(&manifest, after: "\"xxh64\" : \"", from: entry, with: digits)
            lines.append("\(name) \(digits)\n")
        }
        let fingerprint = Checksum.hex(xxh64(Array(lines.sorted().joined().utf8)))
        replace(&manifest, after: "\"fingerprint\" : \"", from: 0, with: fingerprint)
        return [manifest] + parts.dropFirst()
    }

    /// Replaces the letters and digits that follow `key`.
    private static func replace(_ text: inout [UInt8], after key: String, from start: Int, with value: String) {
        guard let start = place(after: key, in: text, from: start) else { return }
        let end = text[start...].firstIndex { !(48...57).contains($0) && !(97...122).contains($0) }
        text.replaceSubrange(start..<(end ?? text.count), with: value.utf8)
    }

    /// Where the first `key` from `start` on ends.
    private static func place(after key: String, in text: [UInt8], from start: Int) -> Int? {
        let key = Array(key.utf8)
        return text.withUnsafeBufferPointer { text in
            var at = start
            while at + key.count <= text.count {
                if text[at] == key[0], key.indices.allSatisfy({ text[at + $0] == key[$0] }) { return at + key.count }
                at += 1
            }
            return nil
        }
    }

    /// The bytes as one gzip member.
    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        precondition(
            deflateInit2_(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK,
            "Seal: cannot compress")
        defer { deflateEnd(&stream) }
        var source = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 64)
        let made = source.withUnsafeMutableBufferPointer { from in
            output.withUnsafeMutableBufferPointer { to in
                stream.next_in = from.baseAddress
                stream.avail_in = UInt32(from.count)
                stream.next_out = to.baseAddress
                stream.avail_out = UInt32(to.count)
                precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END, "Seal: cannot compress \(from.count) bytes")
                return to.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<made])
    }

    /// The bytes as one Zstandard frame.
    static func zstandard(_ bytes: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let made = ZSTD_compress(&output, output.count, bytes, bytes.count, 1)
        precondition(ZSTD_isError(made) == 0, "Seal: cannot compress \(bytes.count) bytes")
        return Array(output[..<made])
    }
}
