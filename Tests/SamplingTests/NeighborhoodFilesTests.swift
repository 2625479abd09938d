import Artifacts
import Configuration
import GraphStore
import Sampling
import TestSupport
import Testing

@Suite struct NeighborhoodFilesTests {
    @Test("the files hold every pin's neighbourhood in the window of the embeddings, filled up past its end")
    func contents() throws {
        // More rows than one block of the writer.
        let test = try TestGraph.random(pins: 5000, boards: 2000, seed: 1)
        let folder = try TemporaryDirectory()
        var walks = WalkSettings()
        walks.top = 7
        var done: [Int] = []
        let directory = folder.file("neighbors")
        try NeighborhoodFiles.write(graph: test.graph, walks: walks, seed: 3, to: directory) { done.append($0) }
        #expect(done == [4096, 5000])
        let neighbors = try NumpyFile(path: "\(directory)/neighbors.npy")
        let weights = try NumpyFile(path: "\(directory)/weights.npy")
        let visits = try NumpyFile(path: "\(directory)/visits.npy")
        for file in [neighbors, weights, visits] { #expect(file.header.shape == [5000, 7]) }
        let plain = RandomWalk(graph: test.graph, walks: walks, seed: 3)
        for pin in 0..<5000 where pin % 37 == 0 || pin > 4990 {
            let expected = plain.neighborhood(of: UInt32(pin), window: NeighborhoodSampler.embeddingWindow)
            let padding = 7 - expected.count
            let row = pin * 7..<(pin + 1) * 7
            let total = Float(expected.reduce(0) { $0 + Int($1.visits) })
            #expect(
                Array(neighbors.elements(as: Int32.self)[row])
                    == expected.map { Int32($0.pin) } + Array(repeating: -1, count: padding))
            #expect(
                Array(visits.elements(as: Int32.self)[row])
                    == expected.map(\.visits) + Array(repeating: 0, count: padding))
            #expect(
                Array(weights.elements(as: Float.self)[row])
                    == expected.map { Float($0.visits) / total } + Array(repeating: 0, count: padding))
        }
    }

    @Test("a folder of neighbourhood files is replaced; one with anything else is left alone")
    func folders() throws {
        let test = try TestGraph.handDrawn()
        let folder = try TemporaryDirectory()
        let directory = folder.file("neighbors")
        for seed in UInt64(1)...2 {
            try NeighborhoodFiles.write(graph: test.graph, walks: WalkSettings(), seed: seed, to: directory)
        }
        try folder.write("mine", to: "neighbors/notes.txt")
        #expect(throws: SamplingError.occupied(path: directory, file: "notes.txt")) {
            try NeighborhoodFiles.write(graph: test.graph, walks: WalkSettings(), seed: 3, to: directory)
        }
        #expect(try folder.text("neighbors/notes.txt") == "mine")
        #expect(try folder.names() == ["neighbors"])
    }

    @Test("files that lack rows are not left behind")
    func unfinished() throws {
        let folder = try TemporaryDirectory()
        let files = try NeighborhoodFiles(directory: folder.path, pinCount: 2, walks: WalkSettings())
        #expect(throws: ArtifactError.self) { try files.close() }
        #expect(!(try folder.names().contains("neighbors.npy")))
    }
}
