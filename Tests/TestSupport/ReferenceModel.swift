import Foundation

/// The model in plain Double loops, one formula at a time: the oracle of the float32 model.
public struct ReferenceModel {
    /// Row-major tensors by their checkpoint names; weights are [out, in].
    public var tensors: [String: [Double]]
    /// Whether the output is projected to the unit sphere.
    public var isUnitOutput: Bool
    /// Whether the largest message of the neighbours is taken, element by element, and not their weighted sum.
    public var isMaxPooling: Bool
    public var loss: Loss

    public enum Loss: Sendable {
        case hinge(margin: Double)
        /// `correction` goes with log(1 + boards).
        case softmax(temperature: Double, correction: Double)
    }

    public init(tensors: [String: [Double]], isUnitOutput: Bool, isMaxPooling: Bool = false, loss: Loss) {
        self.tensors = tensors
        self.isUnitOutput = isUnitOutput
        self.isMaxPooling = isMaxPooling
        self.loss = loss
    }

    public typealias NeighborList = [(row: Int, weight: Double)]

    /// A minibatch as plain arrays.
    public struct Batch {
        /// x of every row.
        public var features: [[Double]]
        /// Layer 1, one list per hidden row; layer 2, one list per target.
        public var neighborhoods: [[NeighborList]]
        public var queries: [Int]
        public var positives: [Int]
        public var sharedNegatives: [Int]
        /// Of each pair.
        public var hardNegatives: [[Int]]
        /// Boards of each row's pin.
        public var boardCounts: [Int]

        public init(
            features: [[Double]], neighborhoods: [[NeighborList]], queries: [Int], positives: [Int],
            sharedNegatives: [Int], hardNegatives: [[Int]], boardCounts: [Int]
        ) {
            self.features = features
            self.neighborhoods = neighborhoods
            self.queries = queries
            self.positives = positives
            self.sharedNegatives = sharedNegatives
            self.hardNegatives = hardNegatives
            self.boardCounts = boardCounts
        }
    }

    /// On which side of 0 each ReLU and hinge was, and how close any came: where the loss has no derivative.
    public struct Kinks: Equatable {
        public var isOpen: [Bool] = []
        public var nearest = Double.infinity

        public init() {}

        mutating func positivePart(_ x: Double) -> Double {
            isOpen.append(x > 0)
            nearest = min(nearest, abs(x))
            return max(0, x)
        }

        /// Two that are both 0 come from shut ReLUs and stay so.
        mutating func maximum(_ values: [Double]) -> Double {
            guard let largest = values.max() else { return 0 }
            let winner = values.firstIndex(of: largest)
            for (index, value) in values.enumerated() where largest > 0 {
                isOpen.append(index == winner)
                nearest = index == winner ? nearest : min(nearest, largest - value)
            }
            return largest
        }
    }

    /// The hinge: the means over shared and over hard negatives, added. The softmax: the mean over pairs.
    public func loss(_ batch: Batch, kinks: inout Kinks) -> Double {
        let z = embeddings(batch.features, batch.neighborhoods, kinks: &kinks)
        let shared = batch.queries.map { _ in batch.sharedNegatives }
        switch loss {
        case .hinge(let margin):
            return meanHinge(z, batch, shared, margin, kinks: &kinks)
                + meanHinge(z, batch, batch.hardNegatives, margin, kinks: &kinks)
        case .softmax(let temperature, let correction):
            let negatives = zip(shared, batch.hardNegatives).map { $0 + $1 }
            return meanCrossEntropy(z, batch, negatives, temperature, correction)
        }
    }

    /// z of every target.
    public func embeddings(
        _ features: [[Double]], _ neighborhoods: [[NeighborList]], kinks: inout Kinks
    ) -> [[Double]] {
        var h = features
        for (index, lists) in neighborhoods.enumerated() {
            h = convolve(h, lists, layer: index + 1, kinks: &kinks)
        }
        return h.map { head($0, kinks: &kinks) }
    }

    /// One layer: t = ReLU(Q h + q); n_u = Σ α t; h_u = normalised ReLU(W [h_u ‖ n_u] + w).
    public func convolve(_ h: [[Double]], _ lists: [NeighborList], layer: Int, kinks: inout Kinks) -> [[Double]] {
        let name = "conv.\(layer)"
        let messages = h.map { linearReLU($0, name + ".message", kinks: &kinks) }
        let width = messages.first?.count ?? 0
        return lists.enumerated().map { row, list in
            var pooled = Array(repeating: 0.0, count: width)
            if isMaxPooling {
                for column in 0..<width { pooled[column] = kinks.maximum(list.map { messages[$0.row][column] }) }
            }
            for (neighbor, weight) in list where !isMaxPooling {
                for column in 0..<width {
                    pooled[column] += weight * messages[neighbor][column]
                }
            }
            return normalized(linearReLU(h[row] + pooled, name + ".update", kinks: &kinks))
        }
    }

    /// z = G2 · ReLU(G1 h + g), or h itself without a head.
    public func head(_ h: [Double], kinks: inout Kinks) -> [Double] {
        guard let output = tensors["head.output.weight"] else { return h }
        let z = product(output, linearReLU(h, "head.hidden", kinks: &kinks))
        return isUnitOutput ? normalized(z) : z
    }

    private func meanHinge(
        _ z: [[Double]], _ batch: Batch, _ negatives: [[Int]], _ margin: Double, kinks: inout Kinks
    ) -> Double {
        var sum = 0.0
        var count = 0
        for (pair, own) in negatives.enumerated() {
            let (q, p) = (batch.queries[pair], batch.positives[pair])
            for n in own where n != q && n != p {
                sum += kinks.positivePart(dot(z[q], z[n]) - dot(z[q], z[p]) + margin)
                count += 1
            }
        }
        return count == 0 ? 0 : sum / Double(count)
    }

    private func meanCrossEntropy(
        _ z: [[Double]], _ batch: Batch, _ negatives: [[Int]], _ temperature: Double, _ correction: Double
    ) -> Double {
        zip(zip(batch.queries, batch.positives), negatives).reduce(0) { sum, pair in
            let ((q, p), own) = pair
            let logits = ([p] + own.filter { $0 != q && $0 != p }).map { c in
                dot(z[q], z[c]) / temperature + correction * log(1 + Double(batch.boardCounts[c]))
            }
            return sum + (log(logits.reduce(0) { $0 + exp($1) }) - logits[0]) / Double(negatives.count)
        }
    }

    private func linearReLU(_ x: [Double], _ name: String, kinks: inout Kinks) -> [Double] {
        let bias = tensors[name + ".bias"] ?? []
        return zip(product(tensors[name + ".weight"] ?? [], x), bias).map { kinks.positivePart($0 + $1) }
    }

    private func product(_ weight: [Double], _ x: [Double]) -> [Double] {
        (0..<weight.count / x.count).map { row in dot(Array(weight[row * x.count..<(row + 1) * x.count]), x) }
    }

    private func normalized(_ x: [Double]) -> [Double] {
        let norm = max(dot(x, x).squareRoot(), 1e-12)
        return x.map { $0 / norm }
    }

    private func dot(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
