import Artifacts
import TestSupport
import Testing

@Suite struct VectorTableTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// Gathers into rows `stride` floats apart, −1 where nothing was written.
    private func gather(_ table: VectorTable, _ rows: [UInt32], stride: Int) -> [Float] {
        var out = [Float](repeating: -1, count: rows.count * stride)
        rows.withUnsafeBufferPointer { rows in
            out.withUnsafeMutableBufferPointer { table.copyRows(rows, into: $0.baseAddress!, rowStride: stride) }
        }
        return out
    }

    @Test(
        "rows are gathered in the order asked for, float32 and float16, at any width", arguments: [1, 3, 8, 9, 16, 31])
    func gathers(width: Int) throws {
        let values = (0..<(40 * width)).map { Float($0) / 8 }
        try writeNumpy(path: folder.file("f32.npy"), shape: [40, width], values)
        try writeNumpy(path: folder.file("f16.npy"), shape: [40, width], values.map(Float16.init))
        let rows: [UInt32] = (0..<50).map { UInt32($0 * 7 % 40) }
        for name in ["f32.npy", "f16.npy"] {
            let table = try VectorTable(npyPath: folder.file(name))
            let out = gather(table, rows, stride: width + 2)
            for (i, row) in rows.enumerated() {
                let start = i * (width + 2)
                #expect(
                    Array(out[start..<(start + width)]) == Array(values[(Int(row) * width)...].prefix(width)), "\(name)"
                )
                #expect(out[start + width] == -1 && out[start + width + 1] == -1, "\(name): wrote past the row")
            }
            var range = [Float](repeating: 0, count: 3 * width)
            range.withUnsafeMutableBufferPointer {
                table.copyRange(start: 5, count: 3, into: $0.baseAddress!, rowStride: width)
            }
            #expect(range == Array(values[(5 * width)..<(8 * width)]), "\(name)")
        }
    }

    @Test("every float16 value widens to exactly its float32")
    func everyHalf() throws {
        let halves = (0...UInt16.max).map { Float16(bitPattern: $0) }
        try writeNumpy(path: folder.file("all.npy"), shape: [1, 65536], halves)
        let out = gather(try VectorTable(npyPath: folder.file("all.npy")), [0], stride: 65536)
        for (half, wide) in zip(halves, out) {
            let same = half.isNaN ? wide.isNaN : wide.bitPattern == Float(half).bitPattern
            #expect(same, "\(half.bitPattern): \(wide)")
        }
    }

    @Test("a table must be two-dimensional and of floats")
    func refused() throws {
        try writeNumpy(path: folder.file("a.npy"), shape: [4], [1, 2, 3, 4] as [Float])
        try writeNumpy(path: folder.file("b.npy"), shape: [2, 2], [1, 2, 3, 4] as [Int32])
        for name in ["a.npy", "b.npy"] {
            #expect(throws: ArtifactError.self) { try VectorTable(npyPath: folder.file(name)) }
        }
    }

    @Test("a row outside the table traps")
    func outside() async throws {
        await #expect(processExitsWith: .failure) {
            let folder = try TemporaryDirectory()
            try writeNumpy(path: folder.file("a.npy"), shape: [2, 2], [1, 2, 3, 4] as [Float])
            let table = try VectorTable(npyPath: folder.file("a.npy"))
            var out = [Float](repeating: 0, count: 2)
            let rows: [UInt32] = [2]
            rows.withUnsafeBufferPointer { rows in
                out.withUnsafeMutableBufferPointer { table.copyRows(rows, into: $0.baseAddress!, rowStride: 2) }
            }
        }
    }

    @Test(
        "a table that holds nothing cannot claim any number of rows or columns",
        arguments: [(1 << 60, 0), (0, 1 << 60)])
    func impossibleWidth(rows: Int, width: Int) throws {
        let path = try folder.write(NumpyHeader(elementType: .float32, shape: [rows, width]).encoded, to: "t.npy")
        let error = ArtifactError.malformed(
            path: path, problem: "impossible width", expected: "1 to 16777216 columns", found: "\(width)",
            action: "Write the file again")
        #expect(throws: error) { try VectorTable(npyPath: path) }
    }
}
