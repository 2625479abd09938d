import GraphStore

/// Scores, for one query after the other, the pins that share a board with it:
/// common / (√(boards of the query · boards of the pin) + shrinkage).
final class CommonBoards {
    private let graph: BipartiteGraph
    private let shrinkage: Double
    private var common: [UInt32]
    private var touched: [UInt32] = []

    init(graph: BipartiteGraph, shrinkage: Double) {
        self.graph = graph
        self.shrinkage = shrinkage
        common = [UInt32](repeating: 0, count: graph.pinCount)
    }

    /// Calls `body(pin, score)` for each pin on a board of the query, itself among them, in no order that matters.
    ///
    /// - Complexity: O(Σ of the pins on the query's boards).
    func forEach(sharingWith query: UInt32, _ body: (UInt32, Double) -> Void) {
        count(query)
        let queryDegree = unsafe Double(graph.boards(of: query).count)
        for pin in touched {
            let boards = unsafe Double(graph.boards(of: pin).count)
            body(pin, Double(common[Int(pin)]) / ((queryDegree * boards).squareRoot() + shrinkage))
            common[Int(pin)] = 0
        }
        touched.removeAll(keepingCapacity: true)
    }

    private func count(_ query: UInt32) {
        unsafe common.withUnsafeMutableBufferPointer { common in
            let boards = unsafe graph.boards(of: query)
            for board in boards.indices {
                let pins = unsafe graph.pins(of: boards[board])
                for index in pins.indices {
                    let pin = unsafe pins[index]
                    if unsafe common[Int(pin)] == 0 { touched.append(pin) }
                    unsafe common[Int(pin)] += 1
                }
            }
        }
    }
}
