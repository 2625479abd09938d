import Artifacts
import Foundation
import GraphStore
import Kernels
import Search
import TestSupport

/// Folders, and what a graph folder is made from.
extension FuzzReaders {
    private static let graphFiles = [
        "manifest.json", "pin_offsets.npy", "pin_boards.npy", "board_offsets.npy", "board_pins.npy", "features.npy",
        "pins.txt", "boards.txt",
    ]

    private static let fileErrors: [any Error.Type] = [GraphError.self, ArtifactError.self]

    /// A graph folder, opened and verified.
    static func graph() throws -> FuzzReader {
        let source = try MemoryFolder()
        for (name, width) in [("narrow", 1), ("wide", 3)] {
            try GraphOnDisk.write(
                to: source.file(name), boardsOfPins: HandDrawnGraph.boardsOfPin, boardCount: 4,
                features: (0..<(6 * width)).map(Float.init), featureWidth: width)
        }
        let samples = try ["narrow", "wide"].map { name in try source.parts(graphFiles.map { "\(name)/\($0)" }) }
        let folder = try MemoryFolder()
        return FuzzReader(
            name: "graph", samples: samples, reseal: resealed(graphFiles), errors: fileErrors
        ) { parts in
            try folder.hold(graphFiles, parts)
            let graph = try BipartiteGraph(directory: folder.path)
            try graph.verify()
            try requireSound(graph)
        }
    }

    /// Checks by other means than `verify` that every row can be followed and every id is found.
    private static func requireSound(_ graph: BipartiteGraph) throws {
        var edges = Set<[UInt32]>()
        for pin in 0..<UInt32(graph.pinCount) {
            for board in graph.boards(of: pin) { edges.insert([pin, board]) }
        }
        var found = 0
        for board in 0..<UInt32(graph.boardCount) {
            for pin in graph.pins(of: board) {
                try FuzzFinding.require(edges.contains([pin, board]), "pin \(pin) lacks board \(board)")
                found += 1
            }
        }
        try FuzzFinding.require(
            found == graph.edgeCount && edges.count == found, "\(found) of \(graph.edgeCount) edges")
        for (ids, count) in [(try graph.pinIDs(), graph.pinCount), (try graph.boardIDs(), graph.boardCount)] {
            try FuzzFinding.require(ids.count == count, "\(ids.count) ids for \(count) rows")
            for row in 0..<count { try FuzzFinding.require(ids.id(row).utf8.count > 0, "row \(row) has no id") }
        }
        _ = GraphSummary(graph)
    }

    /// Edges, plain or compressed, with a list of pins and a table of features.
    static func graphImport() throws -> FuzzReader {
        let edges = Array(HandDrawnGraph.edgesText.utf8)
        let source = try MemoryFolder()
        try writeNumpy(path: source.file("f.npy"), shape: [6, 2], (0..<12).map(Float.init))
        let rest = [Array(HandDrawnGraph.pinsText.utf8)] + (try source.parts(["f.npy"]))
        let samples = [edges, Seal.gzip(edges), Seal.zstandard(edges)].map { [$0] + rest } + [[edges]]
        let folder = try MemoryFolder()
        let names = ["edges.tsv", "pins.txt", "features.npy"]
        return FuzzReader(
            name: "import", samples: samples, reseal: compressedAgain, errors: fileErrors
        ) { parts in
            try folder.hold(names, parts)
            var options = GraphImportOptions(edges: folder.file(names[0]), output: folder.file("graph"))
            options.pins = parts.count > 1 ? folder.file(names[1]) : nil
            options.features = parts.count > 2 ? folder.file(names[2]) : nil
            options.featureWidth = 2
            options.force = true
            let result = try GraphImport.run(options)
            let graph = try BipartiteGraph(directory: options.output)
            try graph.verify()
            try FuzzFinding.require(
                graph.edgeCount == result.edges && graph.fingerprint == result.fingerprint, "it made \(result)")
        }
    }

    private static let generationFiles = [
        "manifest.json", "edges.npy", "edge_pins.txt", "edge_boards.txt", "new_pins.txt", "removed_pins.txt",
        "features.npy",
    ]

    /// A pending generation, folded into a sound graph.
    static func generation() throws -> FuzzReader {
        let (folder, pending) = (try MemoryFolder(), "graph/generations/000001/")
        try GraphOnDisk.write(
            to: folder.file("graph"), boardsOfPins: HandDrawnGraph.boardsOfPin, boardCount: 4,
            features: (0..<6).map(Float.init), featureWidth: 1)
        var options = GraphUpdateOptions(graph: folder.file("graph"))
        try folder.put(Array("pin-1\tboard-2\nx\tboard-0\ny\tnew\n".utf8), at: "edges.tsv")
        try folder.put(Array("pin-5\npin-0\n".utf8), at: "gone.txt")
        try writeNumpy(path: folder.file("new.npy"), shape: [2, 1], [Float(8), 9])
        (options.edges, options.features) = (folder.file("edges.tsv"), folder.file("new.npy"))
        options.remove = folder.file("gone.txt")
        try GraphUpdate.append(options)
        let sample = try folder.parts(generationFiles.map { pending + $0 })
        // An update that adds nothing of its own.
        var folding = GraphUpdateOptions(graph: folder.file("graph"))
        try folder.put([], at: "none.txt")
        folding.pins = folder.file("none.txt")
        folding.output = folder.file("folded")
        return FuzzReader(
            name: "generation", samples: [sample], reseal: resealed(generationFiles), errors: fileErrors
        ) { [folding] parts in
            try folder.hold(generationFiles.map { pending + $0 }, parts)
            try AtomicReplace.removeTree(folding.output ?? "")
            let result = try GraphUpdate.run(folding)
            let graph = try BipartiteGraph(directory: folder.file("folded"))
            try FuzzFinding.require(
                graph.edgeCount == result.edges && graph.fingerprint == result.fingerprint, "it made \(result)")
            try requireSound(graph)
        }
    }

    /// Changed text compressed anew now and then, so that the text is reached; the features' lengths made right.
    private static func compressedAgain(_ parts: FuzzParts) -> FuzzParts {
        guard var edges = parts.first else { return parts }
        let isPlain = !edges.starts(with: [0x1F, 0x8B]) && !edges.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
        switch edges.count % 4 {
        case 0 where isPlain: edges = Seal.gzip(edges)
        case 1 where isPlain: edges = Seal.zstandard(edges)
        default: break
        }
        return [edges] + parts.dropFirst().enumerated().map { $0 == 1 ? Seal.numpy($1) : $1 }
    }

    /// A compressed stream alone.
    static func compressed(_ name: String, _ compress: @escaping ([UInt8]) -> [UInt8]) throws -> FuzzReader {
        let folder = try MemoryFolder()
        let texts = [HandDrawnGraph.edgesText, HandDrawnGraph.pinsText, String(repeating: "abc", count: 3000)]
        let plain = texts.map { Array($0.utf8) }
        let samples = plain.map { [compress($0)] } + [[compress(plain[0]) + compress(plain[1])]]
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 12, alignment: 64)
        return FuzzReader(name: name, samples: samples, errors: [ArtifactError.self]) { parts in
            try folder.hold(["stream"], parts)
            let reader = try DecompressingReader(path: folder.file("stream"))
            var (made, reads) = (0, 0)
            while true {
                let count = try reader.read(into: buffer)
                if count == 0 { break }
                made += count
                reads += 1
            }
            // The densest that each format can be: deflate 1032 : 1, a Zstandard block of 128 KiB in 4 bytes.
            try FuzzFinding.require(
                made <= (name == "gzip" ? 1032 : 1 << 15) * max(parts[0].count, 1),
                "it made \(made) bytes in \(reads) reads")
        }
    }

    private static let embeddingFiles = ["manifest.json", "embeddings.npy", "bias.npy", "pins.txt"]

    /// A folder of embeddings, opened and searched.
    static func embeddings() throws -> FuzzReader {
        let source = try MemoryFolder()
        for metric in ["cosine", "dot"] {
            try FileManager.default.createDirectory(atPath: source.file(metric), withIntermediateDirectories: true)
            try writeNumpy(
                path: source.file("\(metric)/embeddings.npy"), shape: [6, 4], (0..<24).map { Float($0 % 5) - 2 })
            try writeNumpy(path: source.file("\(metric)/bias.npy"), shape: [6], (0..<6).map(Float.init))
            try Data(HandDrawnGraph.pinsText.utf8).write(to: URL(fileURLWithPath: source.file("\(metric)/pins.txt")))
            try Manifest(
                describing: Array(embeddingFiles.dropFirst()), in: source.file(metric), kind: EmbeddingDirectory.kind,
                counts: ["pins": 6], featureWidth: 4, extra: ["metric": metric]
            ).write(directory: source.file(metric))
        }
        let samples = try ["cosine", "dot"].map { metric in
            try source.parts(embeddingFiles.map { "\(metric)/\($0)" })
        }
        let (folder, kernels) = (try MemoryFolder(), Kernels())
        return FuzzReader(
            name: "embeddings", samples: samples, traps: samples.flatMap(withImpossibleTables),
            reseal: resealed(embeddingFiles),
            errors: [SearchError.self, GraphError.self, ArtifactError.self]
        ) { parts in
            try folder.hold(embeddingFiles, parts)
            let opened = try EmbeddingDirectory(path: folder.path)
            let ids = try ExternalIDs(path: opened.pinsPath, expectedCount: opened.table.rows)
            guard let pin = ids.count > 0 ? ids.row(of: ids.id(0)) : nil else { return }
            let found = opened.search(kernels: kernels).nearest(to: [pin], count: 3)
            try FuzzFinding.require(found.count == 1 && found[0].count <= 3, "a search gave \(found)")
        }
    }

    /// The folder with tables that hold nothing but claim 2⁶⁰ rows, or columns, and a manifest that agrees.
    private static func withImpossibleTables(_ parts: FuzzParts) -> [FuzzParts] {
        let claims = [(rows: 1 << 60, width: 0), (rows: 0, width: 1 << 60)]
        return claims.map { claim in
            var parts = parts
            let table = NumpyHeader(elementType: .float32, shape: [claim.rows, claim.width]).encoded
            parts[0] = Array(
                String(decoding: parts[0], as: UTF8.self).replacing("\"pins\" : 6", with: "\"pins\" : \(claim.rows)")
                    .replacing("\"feature_width\" : 4", with: "\"feature_width\" : \(claim.width)").utf8)
            parts[1] = table
            return Seal.folder(parts, names: embeddingFiles)
        }
    }

    /// Lengths of the `.npy` files, then the manifest.
    private static func resealed(_ names: [String]) -> (FuzzParts) -> FuzzParts {
        { parts in
            let sound = parts.enumerated().map { index, part in
                index < names.count && names[index].hasSuffix(".npy") ? Seal.numpy(part) : part
            }
            return Seal.folder(sound, names: names)
        }
    }
}
