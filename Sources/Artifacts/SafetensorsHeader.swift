import Foundation

/// The checked header of a `.safetensors` file.
struct SafetensorsHeader {
    let metadata: [String: String]
    let tensors: [SafetensorsFile.Tensor]
    let dataOffset: Int
    /// The length the whole file must have.
    let byteCount: Int

    /// No sensible header is longer; a larger length means other bytes than a header.
    private static let headerBytesMax = 100_000_000

    init(_ bytes: UnsafeRawBufferPointer, path: String) throws(ArtifactError) {
        guard bytes.count >= 8 else { throw .wrongLength(path: path, expectedBytes: 8, foundBytes: bytes.count) }
        let length = unsafe bytes.loadUnaligned(as: UInt64.self)
        guard length >= 2, length <= UInt64(Self.headerBytesMax), length % 8 == 0 else {
            throw Self.malformed(
                path, "a header length that is a multiple of 8 up to \(Self.headerBytesMax)", "\(length)")
        }
        let dataOffset = 8 + Int(length)
        guard bytes.count >= dataOffset else {
            throw .wrongLength(path: path, expectedBytes: dataOffset, foundBytes: bytes.count)
        }
        let json = unsafe Data(bytes[8..<dataOffset])
        let entries: [String: Entry]
        do {
            entries = try BoundedJSON.decode([String: Entry].self, from: json)
        } catch {
            throw Self.malformed(path, "a JSON object of tensors", "something else")
        }
        var metadata: [String: String] = [:]
        var found: [(entry: TensorEntry, name: String)] = []
        for (name, entry) in entries {
            switch entry {
            case .metadata(let strings) where name == "__metadata__": metadata = strings
            case .tensor(let tensor) where name != "__metadata__": found.append((tensor, name))
            default: throw Self.malformed(path, "a tensor's dtype, shape and data_offsets", "'\(name)'")
            }
        }
        (tensors, byteCount) = try Self.lay(found, dataOffset, path)
        self.metadata = metadata
        self.dataOffset = dataOffset
    }

    /// Sorts tensors by offset and checks that they fill the data without gap or overlap.
    private static func lay(
        _ found: [(entry: TensorEntry, name: String)], _ dataOffset: Int, _ path: String
    ) throws(ArtifactError) -> ([SafetensorsFile.Tensor], Int) {
        var end = 0
        var tensors: [SafetensorsFile.Tensor] = []
        let sorted = found.sorted {
            ($0.entry.offsets.first ?? 0, $0.entry.offsets.last ?? 0, $0.name)
                < ($1.entry.offsets.first ?? 0, $1.entry.offsets.last ?? 0, $1.name)
        }
        for (entry, name) in sorted {
            guard entry.dtype == "F32" else { throw malformed(path, "dtype F32 for tensor \(name)", entry.dtype) }
            var count = 1
            for size in entry.shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: size)
                guard size >= 0, !overflow, product <= Int.max / 8 else {
                    throw malformed(path, "a possible shape for tensor \(name)", NumpyHeader.text(entry.shape))
                }
                count = product
            }
            guard entry.offsets == [end, end + count * 4] else {
                throw malformed(
                    path, "data_offsets [\(end), \(end + count * 4)] for tensor \(name)", "\(entry.offsets)")
            }
            tensors.append(.init(name: name, shape: entry.shape, elementCount: count, byteOffset: dataOffset + end))
            let (next, overflow) = end.addingReportingOverflow(count * 4)
            guard !overflow, next < Int.max / 2 else {
                throw malformed(path, "tensors that fit 64 bits", "more at tensor \(name)")
            }
            end = next
        }
        return (tensors, dataOffset + end)
    }

    private static func malformed(_ path: String, _ expected: String, _ found: String) -> ArtifactError {
        .malformed(
            path: path, problem: "bad safetensors header", expected: expected, found: found,
            action: "Write the file again")
    }

    private struct TensorEntry: Decodable {
        let dtype: String
        let shape: [Int]
        let offsets: [Int]

        enum CodingKeys: String, CodingKey {
            case dtype, shape
            case offsets = "data_offsets"
        }
    }

    private enum Entry: Decodable {
        case metadata([String: String])
        case tensor(TensorEntry)

        init(from decoder: any Decoder) throws {
            if let strings = try? [String: String](from: decoder) {
                self = .metadata(strings)
            } else {
                self = .tensor(try TensorEntry(from: decoder))
            }
        }
    }
}
