import Artifacts
import Foundation
import TestSupport
import Testing
import Training

@Suite struct TensorBoardEventsTests {
    @Test("a record is a length, an event and their masked checksums")
    func records() throws {
        let folder = try TemporaryDirectory()
        let events = try TensorBoardEvents(folder: folder.path, time: 1000)
        try events.append(step: 300, time: 1001.5, scalars: [("loss", 0.25), ("rate", 2)])
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
        #expect(name.hasPrefix("events.out.tfevents.1000."))

        let records = try parse([UInt8](Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + name))))
        #expect(records.count == 2)
        // Field 1 (wall time, double) and field 3 (file version, 13 bytes of text).
        let version: [UInt8] = [0x1A, 13] + Array("brain.Event:2".utf8)
        #expect(records[0] == [0x09] + bytes(1000.0) + version)
        // Field 2 (step, 300 = AC 02) and field 5 (summary): two values of a tag (field 1) and a float (field 2).
        let loss: [UInt8] = [0x0A, 4] + Array("loss".utf8) + [0x15, 0, 0, 0x80, 0x3E]
        let rate: [UInt8] = [0x0A, 4] + Array("rate".utf8) + [0x15, 0, 0, 0, 0x40]
        let summary: [UInt8] = [0x0A, UInt8(loss.count)] + loss + [0x0A, UInt8(rate.count)] + rate
        #expect(records[1] == [0x09] + bytes(1001.5) + [0x10, 0xAC, 0x02, 0x2A, UInt8(summary.count)] + summary)
    }

    private func bytes(_ value: Double) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) }
    }

    /// Splits a file into its events, checking every length and checksum.
    private func parse(_ file: [UInt8]) throws -> [[UInt8]] {
        func number(_ slice: ArraySlice<UInt8>) -> UInt64 { slice.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        func masked(_ slice: ArraySlice<UInt8>) -> UInt64 {
            let crc = Array(slice).withUnsafeBytes { Checksum.crc32c($0) }
            return UInt64(((crc >> 15) | (crc << 17)) &+ 0xA282_EAD8)
        }
        var events: [[UInt8]] = []
        var place = 0
        while place < file.count {
            let length = Int(number(file[place..<place + 8]))
            #expect(number(file[place + 8..<place + 12]) == masked(file[place..<place + 8]))
            let event = file[place + 12..<place + 12 + length]
            #expect(number(file[place + 12 + length..<place + 16 + length]) == masked(event))
            events.append(Array(event))
            place += 16 + length
        }
        return events
    }
}
