import Artifacts
import Foundation

/// Scalars for TensorBoard: `events.out.tfevents.*`.
///
/// A file is a sequence of records: length (u64), masked CRC-32C of the length, an `Event` protocol buffer,
/// masked CRC-32C of that. The messages are small enough to be encoded by hand.
///
/// - Source: tensorflow/core/lib/io/record_writer.h; tensorflow/core/util/event.proto.
public final class TensorBoardEvents {
    private let file: FileHandle
    private let path: String

    /// Opens a new event file in `folder`.
    /// - Parameters:
    ///   - time: seconds since 1970, which names the file.
    ///   - start: steps taken before; TensorBoard drops what older files say of later ones.
    public init(folder: String, time: Double, start: UInt64 = 0) throws {
        let path = "\(folder)/events.out.tfevents.\(Int(time)).\(ProcessInfo.processInfo.processIdentifier)"
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw TrainingError.cannotWrite(path: path, reason: "the file cannot be created") }
        self.file = file
        self.path = path
        try write(event(time: time, fields: string(3, "brain.Event:2")))
        if start > 0 {
            let sessionStart = message(7, field(1, wire: 0) + varint(1))
            try write(event(time: time, fields: field(2, wire: 0) + varint(start + 1) + sessionStart))
        }
    }

    /// Appends scalars of one step.
    public func append(step: UInt64, time: Double, scalars: [(tag: String, value: Double)]) throws {
        var summary: [UInt8] = []
        for (tag, value) in scalars {
            let single = field(2, wire: 5) + littleEndian(Float(value).bitPattern)
            summary += message(1, string(1, tag) + single)
        }
        try write(event(time: time, fields: field(2, wire: 0) + varint(step) + message(5, summary)))
    }

    private func write(_ event: [UInt8]) throws {
        let length = littleEndian(UInt64(event.count))
        let record = length + littleEndian(maskedChecksum(length)) + event + littleEndian(maskedChecksum(event))
        do {
            try file.write(contentsOf: Data(record))
        } catch {
            throw TrainingError.cannotWrite(path: path, reason: systemReason(error))
        }
    }

    private func event(time: Double, fields: [UInt8]) -> [UInt8] {
        field(1, wire: 1) + littleEndian(time.bitPattern) + fields
    }

    private func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
        let crc = unsafe bytes.withUnsafeBytes { unsafe Checksum.crc32c($0) }
        return ((crc >> 15) | (crc << 17)) &+ 0xA282_EAD8
    }

    // Protocol buffers: a field is its number and wire type, then its value.
    private func field(_ number: UInt64, wire: UInt64) -> [UInt8] { varint(number << 3 | wire) }
    private func string(_ number: UInt64, _ text: String) -> [UInt8] { message(number, Array(text.utf8)) }
    private func message(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        field(number, wire: 2) + varint(UInt64(bytes.count)) + bytes
    }

    private func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
