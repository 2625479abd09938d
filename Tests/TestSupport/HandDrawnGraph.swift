/// The one graph that tests share, small enough to check by hand.
///
///     p0 ─── b0 ─── p1 ─── b1 ─── p2 ─── b2
///                          │             │
///                          └───── p3 ────┘
///
///     p4 ─── b3 (one pin)      p5 (no board)
///
/// Pins p0 … p3 are connected; p4 shares its board with nobody; p5 has no board.
public enum HandDrawnGraph {
    public static let pinIDs = ["p0", "p1", "p2", "p3", "p4", "p5"]
    public static let boardIDs = ["b0", "b1", "b2", "b3"]
    /// The pins of each board, sorted.
    public static let pinsOfBoard: [[UInt32]] = [[0, 1], [1, 2, 3], [2, 3], [4]]
    /// The boards of each pin, sorted.
    public static let boardsOfPin: [[UInt32]] = [[0], [0, 1], [1, 2], [1, 2], [3], []]
    public static let edgeCount = 8

    /// The graph as `edges.tsv`, boards in order: import numbers pins and boards as above (p5 only with `pins.txt`).
    public static var edgesText: String {
        zip(boardIDs, pinsOfBoard).flatMap { board, pins in
            pins.map { "\(pinIDs[Int($0)])\t\(board)\n" }
        }.joined()
    }

    public static var pinsText: String { pinIDs.map { $0 + "\n" }.joined() }

    /// Writes `edges.tsv` and `pins.txt`; returns their paths.
    public static func write(to folder: TemporaryDirectory) throws -> (edges: String, pins: String) {
        (try folder.write(edgesText, to: "edges.tsv"), try folder.write(pinsText, to: "pins.txt"))
    }
}
