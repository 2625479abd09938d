import Artifacts
import Search
import TestSupport
import Testing

@Suite("word2vec's text form")
struct WordVectorsTests {
    private let folder: TemporaryDirectory
    private let directory: EmbeddingDirectory
    private let values: [Float] = [0.1, -1 / 3, .leastNonzeroMagnitude, 1, 16_777_216, -0.0]

    init() throws {
        folder = try TemporaryDirectory()
        try writeNumpy(path: folder.file("embeddings.npy"), shape: [3, 2], values)
        try writeNumpy(path: folder.file("bias.npy"), shape: [3], [0.5, 0, 0.25] as [Float])
        _ = try folder.write("a\nö\nc\n", to: "pins.txt")
        try Manifest(
            describing: ["embeddings.npy", "bias.npy", "pins.txt"], in: folder.path, kind: "embeddings",
            counts: ["pins": 3], featureWidth: 2, extra: ["metric": "dot"]
        ).write(directory: folder.path)
        directory = try EmbeddingDirectory(path: folder.path)
    }

    @Test("every line has the id and numbers that read back to the same bits")
    func lines() throws {
        #expect(try directory.writeWordVectors(to: folder.file("out"), withBias: false, id: { ["a", "ö", "c"][$0] }))
        let lines = try folder.text("out").split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines[0] == ["3", "2"])
        #expect(lines.dropFirst().map { $0[0] } == ["a", "ö", "c"])
        let read = lines.dropFirst().flatMap { $0.dropFirst().compactMap { Float($0)?.bitPattern } }
        #expect(read == values.map(\.bitPattern))
    }

    @Test("with the bias, each row has it as its last number")
    func bias() throws {
        #expect(try directory.writeWordVectors(to: folder.file("out"), withBias: true, id: { "\($0)" }))
        let lines = try folder.text("out").split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines[0] == ["3", "3"])
        #expect(lines.dropFirst().map { Float($0[3]) } == [0.5, 0, 0.25])
    }

    @Test("an id with a space, or a stop, leaves nothing behind")
    func nothing() throws {
        let error = #expect(throws: SearchError.self) {
            try directory.writeWordVectors(to: folder.file("out"), withBias: false, id: { $0 == 2 ? "a b" : "c" })
        }
        #expect(
            error.map { "\($0)" } == "search: \(folder.path)/pins.txt: pin 'a b': expected an id without spaces, which "
                + "end it in this format, found one. Export to Parquet.")
        #expect(
            try !directory.writeWordVectors(
                to: folder.file("out"), withBias: false, id: { "\($0)" }, isStopped: { true }))
        #expect(try folder.names() == ["bias.npy", "embeddings.npy", "manifest.json", "pins.txt"])
    }
}
