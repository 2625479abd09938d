import Basics
import Kernels
import Minibatches

/// max(0, z_q·z_n − z_q·z_p + Δ), averaged over the shared negatives and, separately, over the hard ones.
///
/// A negative that is its pair's query or positive is skipped; at a tie the derivative is 0.
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, eq. 1 and §3.3.
final class MaxMarginLoss {
    private let margin: Float
    private let kernels: Kernels
    // One row for each mention of a target: queries, positives, shared negatives, hard negatives.
    private let mentionBuffer = FloatBuffer()
    private let dMentionBuffer = FloatBuffer()
    private var rows = FrameArray<Int32>(count: 0)
    private var offsets = FrameArray<Int32>([0])
    private var ones = FrameArray<Float>(count: 0)
    private let mentionsOfTarget = TransposedLists()

    init(margin: Float, kernels: Kernels) {
        self.margin = margin
        self.kernels = kernels
    }

    /// The loss, and its derivative by the embeddings.
    ///
    /// - Parameters:
    ///   - embeddings: targetCount × d.
    ///   - dEmbeddings: targetCount × d, overwritten.
    /// - Complexity: 3·(B·S + B·H)·d multiply-adds at most; allocates nothing once it has seen as large a batch.
    func run(_ embeddings: Matrix, batch: Minibatch, dEmbeddings: Matrix) -> MarginResult {
        let (pairs, shared, hard) = (batch.pairCount, batch.sharedNegatives.count, batch.hardNegatives.count)
        let count = listMentions(batch)
        let mentions = mentionBuffer.matrix(rows: count, columns: embeddings.columns)
        let dMentions = dMentionBuffer.matrix(rows: count, columns: embeddings.columns)
        guard count > 0, let ids = unsafe UnsafePointer(rows.elements.baseAddress) else {
            preconditionFailure("MaxMarginLoss: a batch without pairs")
        }
        unsafe kernels.gatherRows(ids, count: count, from: embeddings, into: mentions)

        func problem(negatives: Range<Int>) -> HingeProblem {
            unsafe HingeProblem(
                queries: mentions.rows(0..<pairs), queryIDs: ids,
                positives: mentions.rows(pairs..<2 * pairs), positiveIDs: ids + pairs,
                negatives: mentions.rows(negatives), negativeIDs: ids + negatives.lowerBound, margin: margin,
                dQueries: dMentions.rows(0..<pairs), dPositives: dMentions.rows(pairs..<2 * pairs),
                dNegatives: dMentions.rows(negatives))
        }
        let sharedResult = kernels.hingeLoss(problem(negatives: 2 * pairs..<2 * pairs + shared))
        let hardResult = kernels.hingeLossPerPair(problem(negatives: 2 * pairs + shared..<2 * pairs + shared + hard))
        sumMentions(dMentions, into: dEmbeddings)
        return MarginResult(shared: sharedResult, hard: hardResult)
    }

    /// Writes every mention's target row; returns how many there are.
    private func listMentions(_ batch: Minibatch) -> Int {
        let count = 2 * batch.pairCount + batch.sharedNegatives.count + batch.hardNegatives.count
        if rows.count < count {
            rows = FrameArray(count: count)
            offsets = FrameArray(0...Int32(count))
            ones = FrameArray(repeatElement(1, count: count))
        }
        var end = 0
        func append(_ part: FrameArray<Int32>) {
            _ = unsafe UnsafeMutableBufferPointer(rebasing: rows.elements[end...]).update(from: part.elements)
            end += part.count
        }
        append(batch.queries)
        append(batch.positives)
        append(batch.sharedNegatives)
        append(batch.hardNegatives)
        return count
    }

    /// dEmbeddings[r] = Σ of dMentions over the mentions of r: a pooling by the transposed mentions.
    private func sumMentions(_ dMentions: Matrix, into dEmbeddings: Matrix) {
        guard let offsets = unsafe offsets.elements.baseAddress, let ids = unsafe rows.elements.baseAddress,
            let ones = unsafe ones.elements.baseAddress
        else { return }
        let mentions = unsafe PoolLists(offsets: offsets, indices: ids, weights: ones, count: dMentions.rows)
        kernels.transpose(mentions, inputRows: dEmbeddings.rows, into: mentionsOfTarget)
        kernels.weightedPool(mentionsOfTarget.lists, from: dMentions, into: dEmbeddings)
    }

    var buffers: [FloatBuffer] { [mentionBuffer, dMentionBuffer] }
    /// The index arrays, to see that they stay.
    var frames: [Frame] { [rows.frame, offsets.frame, ones.frame] }
}

/// What the loss of a batch came to.
struct MarginResult {
    let shared: HingeResult
    let hard: HingeResult

    /// The two means, added.
    var loss: Double { shared.loss + hard.loss }
    /// Share of the counted (pair, negative) with a loss above 0.
    var activeShare: Double {
        let counted = shared.counted + hard.counted
        return counted == 0 ? 0 : Double(shared.active + hard.active) / Double(counted)
    }
}
