import Artifacts
import Basics

/// What an import is, written as plainly as can be: the twin that the fast one is compared with.
public struct PlainGraph {
    public private(set) var pinIDs: [String] = []
    public private(set) var boardIDs: [String] = []
    /// Sorted, without repeats.
    public private(set) var boardsOfPins: [[UInt32]] = []
    public private(set) var repeats = 0
    private let featureWidth: Int

    /// - Parameters:
    ///   - edges: pin and board.
    ///   - pins: all pins; nil: those of the edges.
    public init(_ edges: [(pin: String, board: String)], pins: [String]? = nil, featureWidth: Int) {
        self.featureWidth = featureWidth
        var (rows, columns): ([String: UInt32], [String: UInt32]) = ([:], [:])
        var lists: [Set<UInt32>] = []
        for pin in pins ?? [] { _ = Self.number(pin, &rows, &pinIDs) }
        for (pin, board) in edges {
            let row = Int(Self.number(pin, &rows, &pinIDs))
            while lists.count < pinIDs.count { lists.append([]) }
            if !lists[row].insert(Self.number(board, &columns, &boardIDs)).inserted { repeats += 1 }
        }
        while lists.count < pinIDs.count { lists.append([]) }
        boardsOfPins = lists.map { $0.sorted() }
    }

    private static func number(_ id: String, _ rows: inout [String: UInt32], _ ids: inout [String]) -> UInt32 {
        if let row = rows[id] { return row }
        rows[id] = UInt32(ids.count)
        ids.append(id)
        return rows[id] ?? 0
    }

    /// Writes the folder that an import without features writes.
    public func write(to directory: String) throws {
        try GraphOnDisk.write(
            to: directory, boardsOfPins: boardsOfPins, boardCount: boardIDs.count, features: projected(),
            featureWidth: featureWidth, featureSource: "projected", pinIDs: pinIDs, boardIDs: boardIDs)
    }

    /// Σ signs(b) / √size(b), to length 1.
    private func projected() -> [Float] {
        var sizes = [Int](repeating: 0, count: boardIDs.count)
        for board in boardsOfPins.joined() { sizes[Int(board)] += 1 }
        return boardsOfPins.flatMap { boards in
            var vector = [Float](repeating: 0, count: featureWidth)
            for board in boards {
                var signs = CounterBasedGenerator(seed: 0, purpose: 7, 0, board)
                let weight = 1 / Float(sizes[Int(board)]).squareRoot()
                var bits: UInt64 = 0
                for i in 0..<featureWidth {
                    if i % 64 == 0 { bits = signs.next() }
                    vector[i] += bits >> UInt64(i % 64) & 1 == 1 ? -weight : weight
                }
            }
            let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
            return squares > 0 ? vector.map { $0 * Float(1 / squares.squareRoot()) } : vector
        }
    }
}
