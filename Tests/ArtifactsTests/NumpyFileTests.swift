import Artifacts
import Foundation
import TestSupport
import Testing

@Suite struct NumpyFileTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// A `.npy` file with this dictionary literal and this much data.
    private func write(header: String, dataBytes: Int, version: [UInt8] = [1, 0]) throws -> String {
        let text =
            Array(header.utf8) + Array(repeating: UInt8(ascii: " "), count: (64 - (header.utf8.count + 11) % 64) % 64)
        let length = text.count + 1
        let bytes = [0x93] + Array("NUMPY".utf8) + version + [UInt8(length & 255), UInt8(length >> 8)] + text + [10]
        return try folder.write(bytes + Array(repeating: 0, count: dataBytes), to: "a.npy")
    }

    private func message(_ path: String, elements: [NumpyElement] = NumpyElement.allCases, rank: Int? = nil) -> String {
        do {
            _ = try NumpyFile(path: path, elements: elements, rank: rank)
            return "no error"
        } catch {
            return "\(error)".replacingOccurrences(of: path, with: "PATH")
        }
    }

    @Test("every element type comes back as it was written, aligned to 64 bytes")
    func roundTrip() throws {
        try check([1.5, -2, .infinity] as [Float], [3])
        try check([1.5, -2, 0, 65504] as [Float16], [2, 2])
        try check([.min, 0, .max] as [Int64], [1, 3])
        try check([.min, 0, .max] as [Int32], [3, 1])
        try check([0, .max] as [UInt32], [2])
        try check([] as [Float], [0, 7])
        try check([4] as [Float], [])
    }

    private func check<T: NumpyScalar & Equatable>(_ elements: [T], _ shape: [Int]) throws {
        let path = folder.file("x.npy")
        try writeNumpy(path: path, shape: shape, elements)
        let file = try NumpyFile(path: path)
        #expect(file.header.shape == shape)
        #expect(file.header.dataOffset % 64 == 0)
        #expect(Array(file.elements(as: T.self)) == elements)
        #expect(try folder.names() == ["x.npy"])
    }

    @Test("headers as other writers lay them out are understood")
    func otherWriters() throws {
        let forms = [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
            "{\"shape\": (2,3), \"fortran_order\":False,\"descr\":\"<f4\"}",
            "{ 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , 'descr' : '<f4' }",
        ]
        for form in forms {
            let path = try write(header: form, dataBytes: 24)
            #expect(try NumpyFile(path: path).header.shape == [2, 3], "\(form)")
        }
        let long = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }"
        let bytes = [0x93] + Array("NUMPY".utf8) + [2, 0, UInt8(long.utf8.count + 3), 0, 0, 0]
        let padded = bytes + Array(long.utf8) + [32, 32, 10]
        let path = try folder.write(padded + Array(repeating: 0, count: 8), to: "v2.npy")
        #expect(
            message(path)
                == (padded.count % 8 == 0
                    ? "no error"
                    : """
                    artifacts: PATH: misaligned data: expected data at a multiple of 8 bytes, found byte \(padded.count). \
                    Write the file again with numpy.save.
                    """))
    }

    @Test("each way a header can be wrong has its own line")
    func badHeaders() throws {
        let cases: [(header: String, version: [UInt8], problem: String)] = [
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", [1, 0],
                "unsupported element type: expected '<f4', '<f2', '<i8', '<i4', '<u4', found '<f8'. "
                    + "Convert the array with numpy's astype."
            ),
            (
                "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", [1, 0],
                "unsupported element type: expected '<f4', '<f2', '<i8', '<i4', '<u4', found '>f4'. "
                    + "Convert the array with numpy's astype."
            ),
            (
                "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", [1, 0],
                "wrong memory order: expected C order, found Fortran order. Save numpy.ascontiguousarray of the array."
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", [1, 0],
                "impossible shape: expected a size that fits 64 bits, found (4294967296, 4294967296). "
                    + "Write the file again."
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", [1, 0],
                "bad header: expected a size, found '-1,), }'. Write the file again with numpy.save."
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1), }", [1, 0],
                "bad header: expected ',', found '), }'. Write the file again with numpy.save."
            ),
            (
                "{'descr': '<f4', 'shape': (1,), }", [1, 0],
                "bad header: expected the key 'fortran_order', found none. Write the file again with numpy.save."
            ),
            (
                "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", [1, 0],
                "bad header: expected each key once, found 'descr' twice. Write the file again with numpy.save."
            ),
            (
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", [1, 0],
                "bad header: expected a quoted word, found '[('a', '<f4''. Write the file again with numpy.save."
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } more", [1, 0],
                "bad header: expected the end of the header, found 'more'. Write the file again with numpy.save."
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", [9, 0],
                "unknown .npy version: expected 1.0, 2.0 or 3.0, found 9.0. Write the file with numpy.save."
            ),
        ]
        for (header, version, problem) in cases {
            #expect(message(try write(header: header, dataBytes: 4, version: version)) == "artifacts: PATH: " + problem)
        }
    }

    @Test("every truncation and every extension is refused")
    func lengths() throws {
        let path = folder.file("x.npy")
        try writeNumpy(path: path, shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])
        let whole = try folder.bytes("x.npy")
        for count in 0..<whole.count {
            try folder.write(Array(whole[..<count]), to: "x.npy")
            #expect(throws: ArtifactError.self, "\(count) bytes") { try NumpyFile(path: path) }
        }
        try folder.write(whole + [0], to: "x.npy")
        #expect(throws: ArtifactError.wrongLength(path: path, expectedBytes: 152, foundBytes: 153)) {
            try NumpyFile(path: path)
        }
    }

    @Test("every changed byte of magic, version and length is refused")
    func flippedHead() throws {
        let path = folder.file("x.npy")
        try writeNumpy(path: path, shape: [2], [1, 2] as [Float])
        let whole = try folder.bytes("x.npy")
        for index in 0..<10 {
            for bit in 0..<8 {
                // Versions 1.0, 2.0 and 3.0 are all allowed, but only one fits the length that follows.
                var bytes = whole
                bytes[index] ^= 1 << bit
                try folder.write(bytes, to: "x.npy")
                #expect(throws: ArtifactError.self, "byte \(index), bit \(bit)") { try NumpyFile(path: path) }
            }
        }
    }

    @Test("what the caller expects is checked")
    func expectations() throws {
        let path = folder.file("x.npy")
        try writeNumpy(path: path, shape: [2, 1], [1, 2] as [Int32])
        #expect(
            message(path, elements: [.float32, .float16])
                == "artifacts: PATH: wrong element type: expected float32 or float16, found int32. "
                + "Convert the array with numpy's astype.")
        #expect(
            message(path, rank: 1)
                == "artifacts: PATH: wrong number of dimensions: expected 1, found 2, shape (2, 1). Reshape the array.")
        #expect(
            message(folder.file("none.npy"))
                == "artifacts: PATH: cannot open: expected a file, found none. Check the path.")
        #expect(
            message(folder.path)
                == "artifacts: PATH: not a file: expected a regular file, found a folder. Name a file.")
    }

    @Test("a writer that is not filled leaves no file")
    func unfilled() throws {
        let path = folder.file("x.npy")
        let writer = try NumpyWriter(path: path, elementType: .int32, shape: [3])
        try writer.append([1, 2] as [Int32])
        #expect(throws: ArtifactError.wrongLength(path: path, expectedBytes: 140, foundBytes: 136)) {
            try writer.close()
        }
        do {
            let abandoned = try NumpyWriter(path: path, elementType: .int32, shape: [3])
            try abandoned.append([1] as [Int32])
        }
        #expect(try folder.names() == [])
    }

    @Test(
        "NumPy reads what we write, and we read what NumPy writes",
        .enabled(if: Python.hasNumPy, "needs python3 with numpy"))
    func numpy() throws {
        try writeNumpy(path: folder.file("ours.npy"), shape: [2, 3], [1, 2, 3, 4, 5, 6.5] as [Float])
        try Python.run(
            """
            import numpy as np
            a = np.load('ours.npy'); assert a.dtype == np.float32 and a.tolist() == [[1, 2, 3], [4, 5, 6.5]], a
            np.save('theirs.npy', np.arange(6, dtype=np.float16).reshape(3, 2))
            np.save('fortran.npy', np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)))
            """, in: folder.path)
        let file = try NumpyFile(path: folder.file("theirs.npy"))
        #expect(file.header.shape == [3, 2])
        #expect(Array(file.elements(as: Float16.self)) == [0, 1, 2, 3, 4, 5])
        let fortran = try NumpyFile(path: folder.file("fortran.npy"), fortranOrder: true)
        #expect(fortran.header.isFortranOrder)
        #expect(Array(fortran.elements(as: Float.self)) == [0, 2, 4, 1, 3, 5])
    }

    @Test("a list whose length shows at the end has the bytes of one that knew it", arguments: [0, 1, 100_000])
    func list(count: Int) throws {
        let folder = try TemporaryDirectory()
        let values = (0..<UInt32(count)).map { $0 &* 7 }
        try writeNumpy(path: folder.file("known.npy"), shape: [count], values)
        let writer = try NumpyWriter(path: folder.file("list.npy"), listOf: .uint32)
        for start in stride(from: 0, to: count, by: 999) {
            try writer.append(Array(values[start..<min(start + 999, count)]))
        }
        try writer.close(count: count)
        #expect(try folder.bytes("list.npy") == folder.bytes("known.npy"))
        let short = try NumpyWriter(path: folder.file("short.npy"), listOf: .uint32)
        #expect(throws: ArtifactError.self) { try short.close(count: 1) }
        #expect(try folder.names() == ["known.npy", "list.npy"])
    }

    @Test("a file that need not be durable is described as a manifest finds it", arguments: [0, 3, 70_001, 1_000_000])
    func described(count: Int) throws {
        let folder = try TemporaryDirectory()
        let values = (0..<UInt32(count)).map { $0 &* 7 }
        try writeNumpy(path: folder.file("durable.npy"), shape: [count], values)
        let writer = try NumpyWriter(
            path: folder.file("x.npy"), elementType: .uint32, shape: [count], isDurable: false)
        // Pieces below and above what is buffered.
        for range in [0..<min(5, count), min(5, count)..<min(70_000, count), min(70_000, count)..<count] {
            try writer.append(Array(values[range]))
        }
        try writer.close()
        #expect(try folder.bytes("x.npy") == folder.bytes("durable.npy"))
        let found = try Manifest(describing: ["x.npy"], in: folder.path, kind: "k", counts: [:], featureWidth: 0)
        #expect(found.files == ["x.npy": writer.described])
        #expect(found == Manifest(files: ["x.npy": writer.described], kind: "k", counts: [:], featureWidth: 0))
    }

    @Test("a spool file gives back what was appended, in pieces of whole elements, and goes")
    func spool() throws {
        let folder = try TemporaryDirectory()
        let values = (0..<300_000).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 }
        do {
            let spool = try SpoolFile(path: folder.file("spool"))
            for part in [values[..<7], values[7..<200_000], values[200_000...]] {
                try part.withUnsafeBytes { try spool.append($0) }
            }
            var read: [UInt64] = []
            try spool.scan { read += $0.assumingMemoryBound(to: UInt64.self) }
            #expect(read == values)
        }
        #expect(try folder.names().isEmpty)
    }
}
