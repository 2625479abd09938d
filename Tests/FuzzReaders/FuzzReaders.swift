import TestSupport

/// Every reader of outside bytes, by name.
public enum FuzzReaders {
    public static let names = [
        "minibatch", "control", "hard-negatives", "numpy", "safetensors", "checkpoint", "graph", "import",
        "generation", "gzip", "zstd", "pairs", "config", "embeddings",
    ]

    public static func make(_ name: String) throws -> FuzzReader {
        switch name {
        case "minibatch": try minibatch()
        case "control": control()
        case "hard-negatives": try hardNegatives()
        case "numpy": try numpy()
        case "safetensors": try safetensors()
        case "checkpoint": try checkpoint()
        case "graph": try graph()
        case "import": try graphImport()
        case "generation": try generation()
        case "gzip": try compressed(name, Seal.gzip)
        case "zstd": try compressed(name, Seal.zstandard)
        case "pairs": try pairs()
        case "config": try config()
        case "embeddings": try embeddings()
        default: throw FuzzFinding("fuzz: expected a reader of \(names.joined(separator: ", ")), found \(name)")
        }
    }
}

extension FuzzReader {
    /// The parts as one block of bytes: as they are where every sample has one part, else each with its length before.
    public func packed(_ parts: FuzzParts) -> [UInt8] {
        if isSingle { return parts.first ?? [] }
        return parts.flatMap { Seal.bytes(UInt64($0.count), count: 4) + $0 }
    }

    /// The parts of a block; whatever the bytes are, they are parts.
    public func unpacked(_ bytes: some Collection<UInt8>) -> FuzzParts {
        if isSingle { return [Array(bytes)] }
        var parts: FuzzParts = []
        var rest = Array(bytes)[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            parts.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return parts
    }

    private var isSingle: Bool { samples.allSatisfy { $0.count == 1 } }
}
