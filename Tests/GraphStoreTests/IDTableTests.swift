import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct IDTableTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// The hash with the key that anybody can read: what `IDIndex` would be without a secret.
    private static func openHash(_ bytes: [UInt8]) -> UInt64 {
        stride(from: 0, to: bytes.count, by: 8).reduce(seed(bytes.count)) { hash, at in
            fold(hash, bytes[at..<(at + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    private static func seed(_ byteCount: Int) -> UInt64 { UInt64(byteCount) &* 0x9E37_79B9_7F4A_7C15 }

    private static func fold(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }

    @Test("ids made to collide do so under an open hash, and are spread under the secret one")
    func collisions() {
        let count = 5000
        // The second half undoes what the first has made of the hash.
        let ids = (0..<count).map { number -> [UInt8] in
            let first = UInt64(number)
            return [first, Self.fold(Self.seed(16), first)].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
            }
        }
        #expect(Set(ids.map(Self.openHash)).count == 1)
        let open = IDIndex(expectedCount: count)
        for (row, id) in ids.enumerated() { open.insert(UInt32(row), hash: Self.openHash(id)) }
        #expect(open.longestRun == count)

        let table = IDTable()
        for (row, id) in ids.enumerated() {
            id.withUnsafeBytes { bytes in
                #expect(table.insert(bytes)?.row == UInt32(row))
                #expect(table.row(of: bytes) == UInt32(row))
            }
        }
        // Three quarters full at most: chance alone makes runs of about 100.
        #expect(table.index.longestRun < 250, "\(table.index.longestRun) probes")
    }

    @Test("the index doubles when it is full, and takes what an import has counted on")
    func growth() {
        let table = IDTable()
        var sizes: [Int] = []
        for number in 0..<100_000 {
            "p\(number)".utf8.withContiguousStorageIfAvailable { _ = table.insert(UnsafeRawBufferPointer($0)) }
            #expect(table.index.byteCount == IDIndex.byteCount(table.count), "\(table.count) ids")
            if table.index.byteCount != sizes.last { sizes.append(table.index.byteCount) }
        }
        #expect(table.count == 100_000)
        #expect(sizes == (10...18).map { 8 << $0 })
    }

    @Test("more ids than have a number are one line, wherever they come from")
    func tooMany() throws {
        func message(edges: String, pins: String? = nil) throws -> String {
            try folder.write(edges, to: "edges.tsv")
            var options = GraphImportOptions(edges: folder.file("edges.tsv"), output: folder.file("graph"))
            if let pins {
                try folder.write(pins, to: "pins.txt")
                options.pins = folder.file("pins.txt")
            }
            options.idsMax = 2
            options.force = true
            do { _ = try GraphImport.run(options) } catch {
                return "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
            }
            return "no error"
        }
        func says(_ place: String, _ id: String) -> String {
            "graph: \(place): too many ids: expected at most 2 different ones, found one more, '\(id)'. "
                + "Import a part of the graph."
        }
        #expect(try message(edges: "a\tx\nb\ty\na\ty\n") == "no error")
        #expect(try message(edges: "a\tx\nb\tx\nb\ty\nc\tx\n") == says("edges.tsv:4", "c"))
        #expect(try message(edges: "a\tx\na\ty\na\tz\n") == says("edges.tsv:3", "z"))
        #expect(try message(edges: "a\tx\n", pins: "a\nb\nc\n") == says("pins.txt:3", "c"))
        #expect(IDIndex.rowsMax == 4_294_967_295)

        let error = #expect(throws: GraphError.self) {
            _ = try ExternalIDs(path: folder.file("pins.txt"), expectedCount: nil, countMax: 2)
        }
        #expect(
            error.map { "\($0)" } == "graph: \(folder.file("pins.txt")): too many ids: expected at most 2, found 3. "
                + "Use a part of the graph.")
    }

    @Test("a list of one id a million times is looked up at once", .timeLimit(.minutes(1)))
    func repeats() throws {
        try folder.write(String(repeating: "a\n", count: 1_000_000), to: "ids.txt")
        let ids = try ExternalIDs(path: folder.file("ids.txt"))
        #expect(ids.row(of: "a") == 0 && ids.row(of: "b") == nil)
    }
}
