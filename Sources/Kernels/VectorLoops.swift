import KernelsAVX2
import KernelsAVX512
import KernelsBaseline

/// The bare loops of one instruction set. The three kernel targets compile the same source with
/// different flags; parameters are documented there. Only plain functions cross the border: code with
/// AVX that the linker could share with other rooms would crash a CPU without it.
@safe struct VectorLoops: Sendable {
    typealias Input = UnsafePointer<Float>
    typealias Output = UnsafeMutablePointer<Float>
    typealias Rows = UnsafePointer<Int32>
    typealias Halves = UnsafeMutablePointer<UInt32>

    let panelWidth: @Sendable () -> Int
    let packPanel: @Sendable (Input, Int, Bool, Int, Int, Int, Output) -> Void
    let multiplyRows: @Sendable (Input, Int, Int, Int, Input, Int, Output, Int, Bool, Input?, Bool, Input?, Int) -> Void
    let transposedProductScratch: @Sendable (Int, Int, Int) -> Int
    let addTransposedProduct: @Sendable (Input, Int, Int, Input, Int, Int, Int, Output, Int, Output) -> Void
    let addColumnSums: @Sendable (Input, Int, Int, Int, Output) -> Void
    let poolRows: @Sendable (Rows, Rows, Input, Int, Input, Int, Int, Output, Int, Bool, Input?, Int) -> Void
    let maxPoolRows: @Sendable (Rows, Rows, Int, Input, Int, Int, Output, Int, UnsafeMutablePointer<Int32>?) -> Void
    let maxPoolRowsBackward: @Sendable (Rows, Int, Int, Int, Input, Int, Input, Int, Output, Int) -> Void
    let copyRows: @Sendable (Rows, Int, Input, Int, Int, Output, Int) -> Void
    let normalizeRows: @Sendable (Input, Int, Int, Int, Output, Int, Output, Float) -> Void
    let normalizeRowsBackward: @Sendable (Input, Int, Int, Int, Input, Int, Input, Output, Int, Bool, Float) -> Void
    let hingeRows:
        @Sendable (
            Input, Int, Input, Int, Int, Int, Rows, Rows, Output, Rows, Int, Float, Output, UnsafeMutablePointer<Int>
        ) -> Double
    let finishPairs: @Sendable (Input, Int, Input, Int, Int, Int, Input, Float, Output, Int, Output, Int) -> Void
    let ownHingeRows:
        @Sendable (
            Input, Int, Input, Int, Int, Int, Rows, Rows, Input, Int, Rows, Int, Float, Output,
            UnsafeMutablePointer<Int>
        ) -> Double
    let ownHingeGradients:
        @Sendable (
            Input, Int, Input, Int, Int, Int, Input, Int, Int, Input, Float, Output, Int, Output, Int, Output, Int
        ) -> Void
    let rowDots: @Sendable (Input, Int, Input, Int, Int, Int, Output) -> Void
    let maskedLogits: @Sendable (Output, Int, Float, Input, Rows, Int32, Int32) -> Float
    let exponentials: @Sendable (Output, Int, Float) -> Float
    let adamStep: @Sendable (Output, Input, Output, Output, Int, Float, Float, Float, Float, Float, Float) -> Void
    let sumOfSquares: @Sendable (Input, Int) -> Double
    let addScaled: @Sendable (Input, Float, Int, Output, Bool) -> Void
    let walkDraws: @Sendable (UnsafePointer<UInt64>, Int, UInt64, UInt64, UInt64, Halves, Halves, Halves) -> Void
    let registerChains: @Sendable () -> Int
    let registerMultiplyAdds: @Sendable (Int, Float, Float) -> Float
    let streamSum: @Sendable (Input, Int) -> Float
    let scatteredSum: @Sendable (Input, Rows, Int) -> Float

    static func of(_ instructionSet: InstructionSet) -> VectorLoops {
        switch instructionSet {
        case .baseline: baseline
        case .avx2: avx2
        case .avx512: avx512
        }
    }

    private static let baseline = unsafe VectorLoops(
        panelWidth: KernelsBaseline.panelWidth,
        packPanel: KernelsBaseline.packPanel,
        multiplyRows: KernelsBaseline.multiplyRows,
        transposedProductScratch: KernelsBaseline.transposedProductScratch,
        addTransposedProduct: KernelsBaseline.addTransposedProduct,
        addColumnSums: KernelsBaseline.addColumnSums,
        poolRows: KernelsBaseline.poolRows,
        maxPoolRows: KernelsBaseline.maxPoolRows,
        maxPoolRowsBackward: KernelsBaseline.maxPoolRowsBackward,
        copyRows: KernelsBaseline.copyRows,
        normalizeRows: KernelsBaseline.normalizeRows,
        normalizeRowsBackward: KernelsBaseline.normalizeRowsBackward,
        hingeRows: KernelsBaseline.hingeRows,
        finishPairs: KernelsBaseline.finishPairs,
        ownHingeRows: KernelsBaseline.ownHingeRows,
        ownHingeGradients: KernelsBaseline.ownHingeGradients,
        rowDots: KernelsBaseline.rowDots,
        maskedLogits: KernelsBaseline.maskedLogits,
        exponentials: KernelsBaseline.exponentials,
        adamStep: KernelsBaseline.adamStep,
        sumOfSquares: KernelsBaseline.sumOfSquares,
        addScaled: KernelsBaseline.addScaled,
        walkDraws: KernelsBaseline.walkDraws,
        registerChains: KernelsBaseline.registerChains,
        registerMultiplyAdds: KernelsBaseline.registerMultiplyAdds,
        streamSum: KernelsBaseline.streamSum,
        scatteredSum: KernelsBaseline.scatteredSum)

    private static let avx2 = unsafe VectorLoops(
        panelWidth: KernelsAVX2.panelWidth,
        packPanel: KernelsAVX2.packPanel,
        multiplyRows: KernelsAVX2.multiplyRows,
        transposedProductScratch: KernelsAVX2.transposedProductScratch,
        addTransposedProduct: KernelsAVX2.addTransposedProduct,
        addColumnSums: KernelsAVX2.addColumnSums,
        poolRows: KernelsAVX2.poolRows,
        maxPoolRows: KernelsAVX2.maxPoolRows,
        maxPoolRowsBackward: KernelsAVX2.maxPoolRowsBackward,
        copyRows: KernelsAVX2.copyRows,
        normalizeRows: KernelsAVX2.normalizeRows,
        normalizeRowsBackward: KernelsAVX2.normalizeRowsBackward,
        hingeRows: KernelsAVX2.hingeRows,
        finishPairs: KernelsAVX2.finishPairs,
        ownHingeRows: KernelsAVX2.ownHingeRows,
        ownHingeGradients: KernelsAVX2.ownHingeGradients,
        rowDots: KernelsAVX2.rowDots,
        maskedLogits: KernelsAVX2.maskedLogits,
        exponentials: KernelsAVX2.exponentials,
        adamStep: KernelsAVX2.adamStep,
        sumOfSquares: KernelsAVX2.sumOfSquares,
        addScaled: KernelsAVX2.addScaled,
        walkDraws: KernelsAVX2.walkDraws,
        registerChains: KernelsAVX2.registerChains,
        registerMultiplyAdds: KernelsAVX2.registerMultiplyAdds,
        streamSum: KernelsAVX2.streamSum,
        scatteredSum: KernelsAVX2.scatteredSum)

    private static let avx512 = unsafe VectorLoops(
        panelWidth: KernelsAVX512.panelWidth,
        packPanel: KernelsAVX512.packPanel,
        multiplyRows: KernelsAVX512.multiplyRows,
        transposedProductScratch: KernelsAVX512.transposedProductScratch,
        addTransposedProduct: KernelsAVX512.addTransposedProduct,
        addColumnSums: KernelsAVX512.addColumnSums,
        poolRows: KernelsAVX512.poolRows,
        maxPoolRows: KernelsAVX512.maxPoolRows,
        maxPoolRowsBackward: KernelsAVX512.maxPoolRowsBackward,
        copyRows: KernelsAVX512.copyRows,
        normalizeRows: KernelsAVX512.normalizeRows,
        normalizeRowsBackward: KernelsAVX512.normalizeRowsBackward,
        hingeRows: KernelsAVX512.hingeRows,
        finishPairs: KernelsAVX512.finishPairs,
        ownHingeRows: KernelsAVX512.ownHingeRows,
        ownHingeGradients: KernelsAVX512.ownHingeGradients,
        rowDots: KernelsAVX512.rowDots,
        maskedLogits: KernelsAVX512.maskedLogits,
        exponentials: KernelsAVX512.exponentials,
        adamStep: KernelsAVX512.adamStep,
        sumOfSquares: KernelsAVX512.sumOfSquares,
        addScaled: KernelsAVX512.addScaled,
        walkDraws: KernelsAVX512.walkDraws,
        registerChains: KernelsAVX512.registerChains,
        registerMultiplyAdds: KernelsAVX512.registerMultiplyAdds,
        streamSum: KernelsAVX512.streamSum,
        scatteredSum: KernelsAVX512.scatteredSum)
}
