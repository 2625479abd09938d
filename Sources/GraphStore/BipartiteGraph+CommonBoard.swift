extension BipartiteGraph {
    /// Whether two pins are on one board together.
    ///
    /// - Parameter counts: whether a board counts; every one does unless it is said.
    /// - Complexity: O(boards of both).
    public func shareBoard(
        _ first: UInt32, _ second: UInt32, where counts: (_ board: UInt32) -> Bool = { _ in true }
    ) -> Bool {
        let (a, b) = unsafe (boards(of: first), boards(of: second))
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            let (left, right) = unsafe (a[i], b[j])
            if left == right && counts(left) { return true }
            if left <= right { i += 1 } else { j += 1 }
        }
        return false
    }
}
