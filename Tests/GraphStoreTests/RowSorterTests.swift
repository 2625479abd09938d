import Artifacts
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct RowSorterTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func edge(_ row: UInt32, _ column: UInt32) -> UInt64 { UInt64(row) << 32 | UInt64(column) }

    private func entries() throws -> [UInt32] {
        let file = try NumpyFile(path: folder.file("entries.npy"), elements: [.uint32], rank: 1)
        return withExtendedLifetime(file) { Array(file.elements(as: UInt32.self)) }
    }

    @Test("columns up to the last of 32 bits keep their value, in short rows and in long ones", arguments: [2, 100])
    func largeColumns(roundEntries: Int) throws {
        let last = UInt32.max - 1
        let edges = [edge(1, last), edge(0, 0), edge(1, 1 << 31), edge(1, 5), edge(1, last), edge(0, last)]
        let sorter = RowSorter(
            rowCount: 3, columnCount: Int(UInt32.max), threads: 2, roundEntries: roundEntries)
        let count = try sorter.write(
            { body in edges.withUnsafeBufferPointer(body) }, to: folder.file("entries.npy"), progress: { _ in })
        #expect(count == 5 && sorter.repeats == 1)
        #expect(try entries() == [0, last, 5, 1 << 31, last])
        #expect((0...3).map { sorter.offsets[$0] } == [0, 2, 5, 5])
        #expect(roundEntries > 2 ? sorter.rounds == 1 : sorter.rounds > 1)
    }

    private static let isLong = ProcessInfo.processInfo.environment["PINSAGE_LONG_TESTS"] != nil

    @Test("more edges than 32 bits count are counted", .enabled(if: isLong, "PINSAGE_LONG_TESTS is not set"))
    func manyEdges() throws {
        let piece = [UInt64](repeating: edge(1, 7), count: 1 << 20) + [edge(2, 3)]
        let passes = 1 << 12 + 1
        let sorter = RowSorter(rowCount: 3, columnCount: 9, threads: 2, roundEntries: 1 << 20)
        let count = try sorter.write(
            { body in for _ in 0..<passes { piece.withUnsafeBufferPointer(body) } },
            to: folder.file("entries.npy"), progress: { _ in })
        #expect(passes * piece.count > 1 << 32)
        #expect(count == 2 && sorter.repeats == passes * piece.count - 2)
        #expect(try entries() == [7, 3])
        #expect((0...3).map { sorter.offsets[$0] } == [0, 0, 1, 2])
    }
}
