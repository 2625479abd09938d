import Artifacts
import TestSupport
import Testing

@Suite("Tables of several files joined")
struct JoinedRowsTests {
    private func write(_ path: String, rows: Int, columns: Int, from first: Int) throws {
        let writer = try NumpyWriter(
            path: path, elementType: .float32, shape: [rows, columns], dataAlignment: JoinedRows.alignment,
            isDurable: false)
        try writer.append((first..<first + rows * columns).map { Float($0) })
        try writer.close()
    }

    @Test("rows of all files follow one another, empty files between them")
    func joined() throws {
        let folder = try TemporaryDirectory()
        var first = 0
        let files = try [1024, 0, 2048, 5].enumerated().map { index, rows in
            let path = folder.file("\(index).npy")
            try write(path, rows: rows, columns: 3, from: first)
            first += rows * 3
            return (path: path, rows: rows)
        }
        let table = try JoinedRows(files: files, columns: 3, folder: folder.path)
        table.readAhead()
        #expect(table.rows == 3077)
        withExtendedLifetime(table) {
            for i in 0..<first where table.base[i] != Float(i) {
                Issue.record("element \(i) is \(table.base[i])")
                return
            }
        }
    }

    @Test("another shape, and data that does not begin on a page, are refused with the file's name")
    func wrong() throws {
        let folder = try TemporaryDirectory()
        try write(folder.file("a.npy"), rows: 1024, columns: 3, from: 0)
        try writeNumpy(path: folder.file("b.npy"), shape: [1024, 4], [Float](repeating: 0, count: 4096))
        for (name, found) in [("a.npy", "(1024, 3) from byte 4096"), ("b.npy", "(1024, 4) from byte 128")] {
            let problem = #expect(throws: ArtifactError.self) {
                try JoinedRows(files: [(folder.file(name), 1024)], columns: 4, folder: folder.path)
            }
            #expect(problem?.description.contains("\(name): wrong table") == true)
            #expect(problem?.description.contains(found) == true, "\(problem?.description ?? "")")
        }
    }

    @Test(
        "NumPy opens a file whose data begins on a page",
        .enabled(if: Python.hasNumPy, "python3 cannot import numpy"))
    func numpy() throws {
        let folder = try TemporaryDirectory()
        try write(folder.file("a.npy"), rows: 7, columns: 2, from: 0)
        try Python.run("import numpy as np; assert (np.load('a.npy').ravel() == np.arange(14)).all()", in: folder.path)
    }
}
