//! Every kernel gives the same bits whatever the number of threads, whether there are any, and whatever its memory held.

use crate::common::{bits, noise, rng};
use mirrorgrad_tensor::{
    ClassTargets, ConvAlgorithm, Corners, Element, Form, Indices, NormLayout, Normalization,
    Operand, PixelLoss, Resample, Tensor, Window, concat, log_softmax, log_softmax_backward,
    max_pool, plane_gather, plane_scatter, plane_scatter_add,
};

/// From operands to results.
type Run<T> = Box<dyn Fn(&[Tensor<T>]) -> Vec<Tensor<T>> + Sync>;

/// A kernel with the shapes of its operands, large enough to be cut into many tasks.
struct Kernel<T: Element> {
    name: &'static str,
    operands: Vec<Vec<usize>>,
    run: Run<T>,
}

impl<T: Element> Kernel<T> {
    fn new(
        name: &'static str,
        operands: &[&[usize]],
        run: impl Fn(&[Tensor<T>]) -> Vec<Tensor<T>> + Sync + 'static,
    ) -> Self {
        let operands = operands.iter().map(|shape| shape.to_vec()).collect();
        Self { name, operands, run: Box::new(run) }
    }
}

fn kernels<T: Element>() -> Vec<Kernel<T>> {
    let mut all = vec![
        Kernel::new("map", &[&[5, 33, 47, 31]], |x| vec![x[0].map(|v: T| v.exp())]),
        Kernel::new("zip", &[&[5, 33, 47, 31], &[33, 1, 31]], |x| {
            vec![x[0].zip(&x[1], |a, b| a / b)]
        }),
        Kernel::new("zip3", &[&[99, 997], &[99, 997], &[99, 997]], |x| {
            vec![x[0].zip3(&x[1], &x[2], |a, b, c| a * b + c)]
        }),
        Kernel::new("sum", &[&[300_001]], |x| vec![Tensor::scalar(x[0].sum())]),
        Kernel::new("dot", &[&[300_001], &[300_001]], |x| vec![Tensor::scalar(x[0].dot(&x[1]))]),
        Kernel::new("sum_axes", &[&[9, 50, 61, 7]], |x| {
            let axes = [&[0][..], &[1], &[3], &[0, 2], &[1, 2], &[0, 2, 3], &[0, 1, 2, 3]];
            axes.iter().map(|axes| x[0].sum_axes(axes)).collect()
        }),
        Kernel::new("broadcast_to", &[&[50, 1, 70]], |x| vec![x[0].broadcast_to([9, 50, 61, 70])]),
        Kernel::new("matmul", &[&[3, 300, 70], &[70, 90]], |x| vec![x[0].matmul(&x[1])]),
        Kernel::new("layout", &[&[40, 50, 60]], |x| {
            let x = &x[0];
            let slice = x.slice(&[3..37, 0..50, 10..20]);
            vec![x.permute(&[2, 0, 1]), slice.pad(&[[1, 2], [3, 0], [0, 9]]), concat(&[x, x], 1)]
        }),
        Kernel::new("gather and scatter", &[&[300, 200]], |x| {
            let positions: Vec<usize> = (0..60_000).map(|i| i * 7 % 200).collect();
            let at = Indices::new([300, 200], positions).along(1, &[300, 200]);
            vec![x[0].gather_flat(&at), x[0].scatter_flat(&at, [300, 200])]
        }),
        Kernel::new("max_last", &[&[300, 200]], |x| vec![x[0].max_last().0]),
        Kernel::new("pools", &[&[3, 21, 33, 31]], |x| {
            let geometry = Window::square(3).stride(2).padding(1).pool([33, 31]).unwrap();
            let (y, at) = max_pool(&geometry, &x[0]);
            let scattered = [plane_scatter(&at, &y), plane_scatter_add(&at, &y)];
            let gathered = plane_gather(&at, &x[0]);
            vec![y, gathered].into_iter().chain(scattered).collect()
        }),
        Kernel::new("resample", &[&[3, 21, 33, 31]], |x| {
            let resample = Resample::bilinear([33, 31], [70, 50], Corners::HalfPixel);
            vec![resample.apply(&x[0]), resample.adjoint().apply(&resample.apply(&x[0]))]
        }),
        Kernel::new("log_softmax", &[&[2, 7, 65, 63], &[2, 7, 65, 63]], |x| {
            vec![log_softmax(&x[0], 1), log_softmax_backward(&log_softmax(&x[0], 1), &x[1], 1)]
        }),
        Kernel::new("pixel loss", &[&[2, 7, 65, 63], &[2, 65, 63]], |x| {
            let labels = (0..2 * 65 * 63).map(|i| i * i % 8);
            let targets = ClassTargets::new([2, 65, 63], labels, 7, Some(7)).unwrap();
            let loss = PixelLoss { label_smoothing: 0.1, focusing: 2.0, ..PixelLoss::default() };
            let one_hot = targets.one_hot();
            let [losses, sums] = loss.forward(&x[0], &targets);
            let to_x = loss.backward(&x[0], &targets, &sums, &x[1]);
            vec![losses, sums, to_x, one_hot]
        }),
    ];
    for (name, layout) in [
        ("batch norm", NormLayout::batch(&[4, 40, 33, 31])),
        ("group norm", NormLayout::group(&[4, 40, 33, 31], 20)),
        ("layer norm", NormLayout { inner: 33 * 31, ..NormLayout::layer(&[4, 40], &[40]) }),
    ] {
        let shape: &[usize] = &[4, 40, 33, 31];
        all.push(Kernel::new(name, &[shape, shape, &[40], &[40]], move |x| {
            let norm = Normalization::new(layout, 1e-5);
            let (y, stats) = norm.forward(&x[0], &x[2], &x[3]);
            let grads = norm.backward(&x[0], &x[2], &x[3], &stats, &x[1]);
            [y, stats.mean, stats.variance].into_iter().chain(grads).collect()
        }));
    }
    for (name, window, input, groups) in [
        ("conv", Window::square(3).padding(1), [61, 57], 1),
        ("conv with gaps", Window::square(2).stride(3), [61, 57], 2),
        ("dilated conv", Window::square(3).stride(2).dilation(3).padding(2), [91, 88], 2),
        ("pointwise conv", Window::square(1), [81, 77], 1),
        ("conv of a small output", Window::square(3).padding(1), [7, 9], 1),
    ] {
        let geometry = window.conv(input).unwrap();
        let ([height, width], [kh, kw]) = (geometry.output(), geometry.kernel());
        let operands =
            [[3, 24, input[0], input[1]], [10, 24 / groups, kh, kw], [3, 10, height, width]];
        let operands: Vec<&[usize]> = operands.iter().map(|shape| &shape[..]).collect();
        let weight = operands[1].to_vec();
        all.push(Kernel::new(name, &operands, move |x| {
            let algorithms = ConvAlgorithm::ALL
                .into_iter()
                .filter(|algorithm| algorithm.takes(&geometry, groups, &weight));
            let form = Form::new(geometry, groups);
            let outputs = |algorithm: ConvAlgorithm| {
                [
                    form.solve_by(algorithm, Operand::Output, [&x[0], &x[1]], None),
                    form.solve_by(algorithm, Operand::Input, [&x[2], &x[1]], None),
                    form.solve_by(algorithm, Operand::Weight, [&x[0], &x[2]], None),
                ]
            };
            algorithms.flat_map(outputs).collect()
        }));
    }
    all
}

fn operands<T: Element>(kernel: &Kernel<T>) -> Vec<Tensor<T>> {
    let rng = &mut rng(1);
    kernel.operands.iter().map(|shape| noise(shape, rng)).collect()
}

fn run<T: Element>(kernel: &Kernel<T>, operands: &[Tensor<T>]) -> Vec<Vec<u64>> {
    (kernel.run)(operands).iter().map(bits).collect()
}

#[cfg(feature = "threads")]
mod on_threads {
    use super::*;

    fn check_threads<T: Element>() {
        let pools = [1, 2, 3, 4, 8]
            .map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
        for kernel in kernels::<T>() {
            let operands = operands(&kernel);
            let want = pools[0].install(|| run(&kernel, &operands));
            for pool in &pools[1..] {
                let same = pool.install(|| run(&kernel, &operands)) == want;
                assert!(same, "{} differs on {} threads", kernel.name, pool.current_num_threads());
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits_in_f32() {
        check_threads::<f32>();
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits_in_f64() {
        check_threads::<f64>();
    }
}

/// Prints them, too: `.ci/run` compares the builds with and without the crate's features.
#[test]
fn every_kernel_gives_the_same_bits_again() {
    fn check<T: Element>(element: &str) {
        for kernel in kernels::<T>() {
            let operands = operands(&kernel);
            let results = run(&kernel, &operands);
            assert!(run(&kernel, &operands) == results, "{} differs", kernel.name);
            let hash = results.iter().flatten().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &bits| {
                (hash ^ bits).wrapping_mul(0x0100_0000_01b3).rotate_left(5)
            });
            println!("bits of {} in {element}: {hash:016x}", kernel.name);
        }
    }
    check::<f32>("f32");
    check::<f64>("f64");
}

/// Dropped tensors lend their memory to the next. Here it holds NaN: in scratch, from a run on NaN,
/// and where results will stand.
#[test]
fn no_kernel_sees_what_its_memory_held_before() {
    let nan = |x: &Tensor<f64>| Tensor::full(x.shape(), f64::NAN);
    for kernel in kernels::<f64>() {
        let operands = operands(&kernel);
        let want = (kernel.run)(&operands);
        drop((kernel.run)(&operands.iter().map(nan).collect::<Vec<_>>()));
        drop(want.iter().map(nan).collect::<Vec<_>>());
        let want: Vec<Vec<u64>> = want.iter().map(bits).collect();
        assert!(run(&kernel, &operands) == want, "{} read old memory", kernel.name);
        assert!(want.iter().flatten().all(|&bits| bits != u64::MAX), "{} made NaN", kernel.name);
    }
}
