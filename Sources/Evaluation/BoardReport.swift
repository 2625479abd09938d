import Foundation
import GraphStore
import Kernels
import Search

/// How well a board's held-out pins are found from its other pins, by the model and by simple methods.
///
/// A board's vector is the mean of its pins' vectors: a candidate's score is the mean of its scores to the board's
/// pins. Ranked are all pins that the board does not hold already; among equal scores the smaller row comes first.
public struct BoardReport: Equatable, Sendable {
    /// Pins that count in a board's list.
    public static let top = 20

    public struct Row: Equatable, Sendable {
        public let name: String
        public let key: String
        /// Mean over boards of the share of its held-out pins that are in its list.
        public let recall: Double
        /// Mean over boards of DCG / ideal DCG, a hit at place i = 1, 2, … counting 1 / log₂(i + 1).
        public let ndcg: Double
    }

    /// The model first.
    public let rows: [Row]
    public let boardCount: Int
    /// Held-out edges.
    public let edgeCount: Int

    /// - Parameters:
    ///   - searches: name, key and vectors of each method that has vectors.
    ///   - progress: told the name of what is measured next.
    static func measure(
        _ heldOut: HeldOutBoards, graph: BipartiteGraph, searches: [(name: String, key: String, search: ExactSearch)],
        team: ThreadTeam, progress: (String) -> Void
    ) -> BoardReport {
        func row(_ name: String, _ key: String, _ lists: () -> [[UInt32]]) -> Row {
            progress("\(name), boards")
            let found = lists()
            func mean(_ figure: ([UInt32], [UInt32]) -> Double) -> Double {
                zip(found, heldOut.positives).reduce(0) { $0 + figure($1.0, $1.1) } / Double(found.count)
            }
            return Row(name: name, key: key, recall: mean(recall), ndcg: mean(ndcg))
        }
        var rows = searches.map { method in
            row(method.name, method.key) {
                let lists = method.search.nearest(toMeansOf: heldOut.boards.count, count: top) { index in
                    unsafe Array(graph.pins(of: heldOut.boards[index]))
                }
                return lists.map { $0.map(\.row) }
            }
        }
        rows.append(row("popularity", "popularity") { BoardBaselines.popular(heldOut.boards, top: top, graph: graph) })
        rows.append(
            row("item-kNN", "item_knn") {
                BoardBaselines.itemNeighbors(heldOut.boards, top: top, graph: graph, team: team)
            })
        return BoardReport(rows: rows, boardCount: heldOut.boards.count, edgeCount: heldOut.edgeCount)
    }

    /// The share of `positives` (sorted) that is in `list`.
    static func recall(_ list: [UInt32], _ positives: [UInt32]) -> Double {
        Double(list.count { positives.contains($0) }) / Double(positives.count)
    }

    /// The discounted gain of a list of up to `top`, against that of the best list there could be.
    static func ndcg(_ list: [UInt32], _ positives: [UInt32]) -> Double {
        func discount(_ place: Int) -> Double { 1 / log2(Double(place + 2)) }
        let gain = list.enumerated().reduce(0) { $0 + (positives.contains($1.element) ? discount($1.offset) : 0) }
        return gain / (0..<min(top, positives.count)).reduce(0) { $0 + discount($1) }
    }
}
