import Configuration

/// Widths and variants of a model: all that decides which tensors it has.
public struct ModelShape: Codable, Equatable, Sendable {
    /// F: content features of a pin.
    public let featureWidth: Int
    /// Factor of log(1 + boards) as one more column of layer 1's input; 0: no such column.
    public let logDegree: Double
    /// w: columns of a learned vector of each pin, the last of layer 1's input; 0: none.
    public let learnedWidth: Int
    /// m: messages and the outputs of both layers.
    public let hiddenWidth: Int
    /// d: embeddings. Equals `hiddenWidth` where there is no head.
    public let outputWidth: Int
    public let head: ModelSettings.Head
    public let output: ModelSettings.Output

    /// - Precondition: widths are at least 1; without a head, output and hidden width agree.
    public init(
        featureWidth: Int, logDegree: Double = 0, learnedWidth: Int = 0, hiddenWidth: Int, outputWidth: Int,
        head: ModelSettings.Head, output: ModelSettings.Output
    ) {
        self.featureWidth = featureWidth
        self.logDegree = logDegree
        self.learnedWidth = learnedWidth
        self.hiddenWidth = hiddenWidth
        self.outputWidth = outputWidth
        self.head = head
        self.output = output
        precondition(isPossible, "ModelShape: no model is \(self)")
    }

    /// The shape that `settings` ask for, on pins with `featureWidth` features.
    public init(featureWidth: Int, _ features: FeatureSettings, _ settings: ModelSettings) {
        self.init(
            featureWidth: featureWidth, logDegree: features.logDegree, learnedWidth: features.learnedWidth,
            hiddenWidth: settings.hiddenWidth, outputWidth: settings.outputWidth, head: settings.head,
            output: settings.output)
    }

    /// Checkpoints of before learned vectors do not say how wide they are.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        featureWidth = try fields.decode(Int.self, forKey: .featureWidth)
        logDegree = try fields.decode(Double.self, forKey: .logDegree)
        learnedWidth = try fields.decodeIfPresent(Int.self, forKey: .learnedWidth) ?? 0
        hiddenWidth = try fields.decode(Int.self, forKey: .hiddenWidth)
        outputWidth = try fields.decode(Int.self, forKey: .outputWidth)
        head = try fields.decode(ModelSettings.Head.self, forKey: .head)
        output = try fields.decode(ModelSettings.Output.self, forKey: .output)
    }

    /// Of features, messages and embeddings.
    package static let widths = 1...(1 << 20)

    /// Whether the widths fit one another. False only for a shape decoded from a damaged file.
    package var isPossible: Bool {
        [featureWidth, hiddenWidth, outputWidth].allSatisfy(Self.widths.contains)
            && (0...Self.widths.upperBound).contains(learnedWidth) && logDegree >= 0 && logDegree.isFinite
            && (head == .paper || outputWidth == hiddenWidth)
    }

    /// Every tensor in the order of the checkpoint, each on a 64-byte boundary of the flat buffer.
    public var tensors: [TensorSpec] {
        var specs: [TensorSpec] = []
        func add(_ name: String, _ shape: [Int]) {
            let offset = specs.last.map { ($0.offset + $0.count + 15) / 16 * 16 } ?? 0
            specs.append(TensorSpec(name: name, shape: shape, offset: offset))
        }
        for (layer, inputWidth) in [(1, inputWidth), (2, hiddenWidth)] {
            add("conv.\(layer).message.weight", [hiddenWidth, inputWidth])
            add("conv.\(layer).message.bias", [hiddenWidth])
            add("conv.\(layer).update.weight", [hiddenWidth, inputWidth + hiddenWidth])
            add("conv.\(layer).update.bias", [hiddenWidth])
        }
        if head == .paper {
            add("head.hidden.weight", [hiddenWidth, hiddenWidth])
            add("head.hidden.bias", [hiddenWidth])
            add("head.output.weight", [outputWidth, hiddenWidth])
        }
        return specs
    }

    /// Learned numbers beside the pins' own vectors, gaps between tensors not counted.
    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }
}

extension ModelShape: CustomStringConvertible {
    public var description: String {
        "\(featureWidth) features, log-degree factor \(logDegree), "
            + (learnedWidth > 0 ? "learned width \(learnedWidth), " : "")
            + "hidden width \(hiddenWidth), output width \(outputWidth), "
            + "head \(head.rawValue), output \(output.rawValue)"
    }
}

/// Name, shape and place of one tensor.
public struct TensorSpec: Equatable, Sendable {
    public let name: String
    /// `[out, in]` of a weight, `[out]` of a bias.
    public let shape: [Int]
    /// First element in the flat buffer; a multiple of 16.
    public let offset: Int

    public var count: Int { shape.reduce(1, *) }
    /// As a matrix: a bias is one row.
    var rows: Int { shape.count == 2 ? shape[0] : 1 }
    var columns: Int { shape[shape.count - 1] }
}
