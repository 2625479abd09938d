import GraphStore
import Kernels
import Search

/// Lists of pins for boards, by simple methods: best first, never a pin that the board holds, ties by the smaller row.
public enum BoardBaselines {
    /// The pins with the most boards.
    ///
    /// - Complexity: O(P log P + boards · (top + pins of the board)).
    public static func popular(_ boards: [UInt32], top: Int, graph: BipartiteGraph) -> [[UInt32]] {
        func degree(_ pin: UInt32) -> Int { unsafe graph.boards(of: pin).count }
        let ordered = (0..<UInt32(graph.pinCount)).sorted { (-degree($0), $0) < (-degree($1), $1) }
        return boards.map { board in
            let held = unsafe Set(graph.pins(of: board))
            return Array(ordered.lazy.filter { !held.contains($0) }.prefix(top))
        }
    }

    /// The pins with the highest sum of similarities to the board's pins, of those among the `neighborCount` most
    /// similar to one of them. Similarity is that of `Baselines.itemNeighborRanks`. A list may be shorter than `top`.
    ///
    /// - Complexity: O(Σ over boards of pins² + boards · pins of the board · neighborCount);
    ///   P · neighborCount entries of memory.
    public static func itemNeighbors(
        _ boards: [UInt32], top: Int, graph: BipartiteGraph, neighborCount: Int = 100, shrinkage: Double = 10,
        team: ThreadTeam
    ) -> [[UInt32]] {
        let neighbors = team.map(
            graph.pinCount, initial: [Neighbor](), scratch: CommonBoards(graph: graph, shrinkage: shrinkage)
        ) { counter, pin in
            var list = NearestList(capacity: neighborCount)
            counter.forEach(sharingWith: UInt32(pin)) { other, score in
                if other != UInt32(pin) { list.offer(Neighbor(row: other, score: Float(score))) }
            }
            return list.sorted
        }
        return team.map(boards.count, initial: [UInt32](), scratch: ()) { _, index in
            let pins = unsafe graph.pins(of: boards[index])
            let held = unsafe Set(pins)
            var sums: [UInt32: Float] = [:]
            for place in pins.indices {
                for neighbor in unsafe neighbors[Int(pins[place])] where !held.contains(neighbor.row) {
                    sums[neighbor.row, default: 0] += neighbor.score
                }
            }
            var list = NearestList(capacity: top)
            for (pin, sum) in sums { list.offer(Neighbor(row: pin, score: sum)) }
            return list.sorted.map(\.row)
        }
    }
}
