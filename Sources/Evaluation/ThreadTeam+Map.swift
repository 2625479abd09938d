import Kernels

extension ThreadTeam {
    /// `body` of each index below `count`, in order; the indices are shared out in chunks, each with scratch of its own.
    ///
    /// - Parameters:
    ///   - initial: fills the result until `body` does.
    ///   - scratch: made anew for each chunk.
    func map<Scratch, Result>(
        _ count: Int, initial: Result, scratch: @autoclosure () -> Scratch, _ body: (Scratch, Int) -> Result
    ) -> [Result] {
        var results = [Result](repeating: initial, count: count)
        let chunks = min(count, 4 * threadCount)
        unsafe results.withUnsafeMutableBufferPointer { results in
            run(chunks: chunks) { chunk in
                let own = scratch()
                for index in count * chunk / chunks..<count * (chunk + 1) / chunks {
                    unsafe results[index] = body(own, index)
                }
            }
        }
        return results
    }
}
