import Evaluation
import GraphStore
import Kernels
import TestSupport
import Testing

@Suite("Baseline vectors")
struct BaselineVectorsTests {
    typealias Fixture = BaselinesTests.Fixture

    /// N = D_p^−½ A D_b^−½, dense: pins × boards.
    static func normalized(_ boardsOfPins: [[UInt32]]) -> [[Double]] {
        let boardCount = Int((boardsOfPins.joined().max() ?? 0) + 1)
        let sizes = (0..<boardCount).map { board in Double(boardsOfPins.count { $0.contains(UInt32(board)) }) }
        return boardsOfPins.map { boards in
            (0..<boardCount).map { board in
                boards.contains(UInt32(board)) ? 1 / (Double(boards.count) * sizes[board]).squareRoot() : 0
            }
        }
    }

    static func gram(_ rows: [[Double]]) -> [[Double]] {
        rows.map { left in rows.map { right in zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } } }
    }

    @Test("the singular values of the drawn graph are those by hand")
    func singularValuesByHand() throws {
        let graph = try Fixture(HandDrawnGraph.boardsOfPin).graph
        let svd = AdjacencySVD(graph: graph, kernels: Kernels())
        // 1 for each of the two parts; of the larger one the other two squares sum to 3/4, and their product is 1/24.
        let root = (9.0 / 16 - 1.0 / 6).squareRoot()
        let expected = [1, 1, ((0.75 + root) / 2).squareRoot(), ((0.75 - root) / 2).squareRoot()]
        #expect(svd.singularValues.count == 4)
        for (found, expected) in zip(svd.singularValues, expected) {
            #expect(abs(found - expected) < 1e-5, "expected \(expected), found \(found)")
        }
    }

    @Test("with all ranks the pins' products are the matrix itself", arguments: 0..<10 as Range<UInt64>)
    func fullRank(seed: UInt64) throws {
        let fixture = try Fixture.random(seed: seed)
        guard !fixture.boardsOfPins.joined().isEmpty else { return }
        let pins = AdjacencySVD(graph: fixture.graph, kernels: Kernels()).pins
        let expected = Self.gram(Self.normalized(fixture.boardsOfPins))
        for left in expected.indices {
            for right in expected.indices {
                let product = (0..<pins.columns).reduce(0) { $0 + pins[left, $1] * pins[right, $1] }
                #expect(abs(Double(product) - expected[left][right]) < 2e-5, "seed \(seed), \(left), \(right)")
            }
        }
    }

    @Test(
        "a truncated decomposition has the largest singular values of plain power iterations, and their part of the matrix"
    )
    func truncated() throws {
        let fixture = try Fixture.random(seed: 7)
        let rank = 5
        let svd = AdjacencySVD(graph: fixture.graph, rank: rank, kernels: Kernels())
        var rest = Self.gram(Self.normalized(fixture.boardsOfPins))
        let n = rest.count
        #expect(n > rank + 16)
        var part = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
        for index in 0..<rank {
            var vector = (0..<n).map { 1 + Double(($0 * 7 + index) % 5) }
            var value = 0.0
            for _ in 0..<20_000 {
                let next = rest.map { row in zip(row, vector).reduce(0) { $0 + $1.0 * $1.1 } }
                value = next.reduce(0) { $0 + $1 * $1 }.squareRoot()
                vector = next.map { $0 / value }
            }
            #expect(abs(svd.singularValues[index] - value.squareRoot()) < 1e-5)
            for i in 0..<n {
                for j in 0..<n {
                    part[i][j] += value * vector[i] * vector[j]
                    rest[i][j] -= value * vector[i] * vector[j]
                }
            }
        }
        #expect(svd.pins.columns == rank)
        for i in 0..<n {
            for j in 0..<n {
                let product = (0..<rank).reduce(0) { $0 + svd.pins[i, $1] * svd.pins[j, $1] }
                #expect(abs(Double(product) - part[i][j]) < 1e-4, "\(i), \(j)")
            }
        }
    }

    @Test("the number of threads changes no bit of the decomposition")
    func threads() throws {
        let graph = try Fixture.random(seed: 4).graph
        let one = AdjacencySVD(graph: graph, kernels: Kernels())
        let three = AdjacencySVD(graph: graph, kernels: Kernels(team: ThreadTeam(threads: 3)))
        #expect(one.singularValues == three.singularValues)
        #expect(elements(one.pins) == elements(three.pins))
    }

    @Test("a graph mean is the pin's content beside that of the pins one step away")
    func graphMeanByHand() throws {
        let content: [Float] = [2, 0, 0, 5, 1, 0, 0, -1, 3, 4, 0, 7]
        let fixture = try Fixture(HandDrawnGraph.boardsOfPin, features: content, featureWidth: 2)
        let features = try #require(fixture.graph.features)
        let vectors = BaselineVectors.graphMean(features, graph: fixture.graph, kernels: Kernels())
        // p0 reaches p1. p1 reaches p0 by ½ · ½, p2 and p3 by ½ · ⅓ each: (1/4 + 1/6, −1/6). p4 and p5 reach nobody.
        let length = Float((5.0 / 12) * (5.0 / 12) + 1.0 / 36).squareRoot()
        let expected: [Int: [Float]] = [
            0: [1, 0, 0, 1], 1: [0, 1, 5 / 12 / length, -1 / 6 / length], 4: [0.6, 0.8, 0, 0], 5: [0, 1, 0, 0],
        ]
        for (pin, row) in expected {
            for column in 0..<4 { #expect(abs(vectors[pin, column] - row[column]) < 1e-6, "pin \(pin), \(column)") }
        }
    }

    @Test("graph means are those of plain loops over the boards' other pins", arguments: 0..<10 as Range<UInt64>)
    func graphMeanPlainTwin(seed: UInt64) throws {
        let plain = try Fixture.random(seed: seed).boardsOfPins
        let content = plain.indices.flatMap { pin -> [Float] in [Float(pin % 7) - 3, Float(pin % 5) - 1.5, 1] }
        let fixture = try Fixture(plain, features: content, featureWidth: 3)
        let features = try #require(fixture.graph.features)
        let vectors = BaselineVectors.graphMean(features, graph: fixture.graph, kernels: Kernels())
        func unit(_ vector: [Double]) -> [Double] {
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return vector.map { length > 1e-9 ? $0 / length : 0 }
        }
        let units = plain.indices.map { pin in unit((0..<3).map { Double(content[3 * pin + $0]) }) }
        for pin in plain.indices {
            var mean = [0.0, 0, 0]
            for board in plain[pin] {
                let pins = plain.indices.filter { plain[$0].contains(board) }
                for other in pins where other != pin {
                    for column in 0..<3 { mean[column] += units[other][column] / Double(pins.count) }
                }
            }
            for (column, value) in (units[pin] + unit(mean)).enumerated() {
                #expect(abs(Double(vectors[pin, column]) - value) < 1e-5, "seed \(seed), pin \(pin), column \(column)")
            }
        }
    }

    @Test("random vectors differ from pin to pin and are the same again, whatever the number of pins")
    func random() {
        let few = elements(BaselineVectors.random(pinCount: 3, width: 8))
        let many = elements(BaselineVectors.random(pinCount: 200, width: 8))
        #expect(Array(many.prefix(24)) == few)
        #expect(Set(many).count > 1_590)
        #expect(many.allSatisfy { abs($0) <= 1 })
        #expect(abs(many.reduce(0, +) / 1_600) < 0.06)
        #expect(elements(BaselineVectors.random(pinCount: 3, width: 8, seed: 1)) != few)
    }

    private func elements(_ matrix: Matrix) -> [Float] {
        (0..<matrix.rows * matrix.columns).map { matrix[$0 / matrix.columns, $0 % matrix.columns] }
    }
}
